import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { payloadCodecOf } from '../../local/payload-codec.js';
import type { TemporalConfig } from '../../schemas/config.js';
import { repository } from './built.js';

const module = join(repository, 'tests', 'cli', 'fixtures', 'codec.mjs');

describe('the payload codec of the configuration', () => {
  const configOf = (codec: string | null): TemporalConfig =>
    ({ packageRoot: repository, temporal: { codec } }) as TemporalConfig;

  it('refuses what was encoded when there is none', async () => {
    const { codec } = (await import(module)) as { codec: Awaited<ReturnType<typeof payloadCodecOf>> };
    const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('1') };
    const own = await payloadCodecOf(configOf(module));
    const [decoded] = await own.decode(await codec.encode([payload]));
    expect(Buffer.from(decoded?.data ?? []).toString()).toBe('1');
    await expect((await payloadCodecOf(configOf(null))).decode(await codec.encode([payload]))).rejects.toThrow(
      /it is encoded as binary\/encrypted, and no payload codec is set\.\nSet the codec/,
    );
  });

  it.each([
    ['./nowhere.mjs', /^The payload codec \.\/nowhere\.mjs cannot be used: Cannot find module/],
    ['./package.json', /cannot be used: /],
    ['./bin/pawl.mjs/../../tests/local/fixtures/idle-workflow.mjs', /does not export `codec` with the functions/],
  ])('says what is wrong with %s', async (name, expected) => {
    await expect(payloadCodecOf(configOf(name))).rejects.toThrow(expected);
  });
});
