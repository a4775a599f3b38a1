import { describe, expect, it } from 'vitest';
import { createEnvironment } from '../../activities/environment.js';

describe('the environment of a worker', () => {
  it('knows the version of its Python', async () => {
    const { python_version: version } = await createEnvironment('python3')(['python_version']);
    expect(version).toMatch(/^3\.\d+\.\d+/);
  });

  it('starts no Python for a kind that does not ask', async () => {
    expect(await createEnvironment('/nowhere/python')([])).toEqual({});
  });

  it('says how to get a Python when there is none', async () => {
    await expect(createEnvironment('/nowhere/python')(['python_version'])).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringMatching(/\/nowhere\/python.*npm run setup/s) as string,
    });
  });

  it('refuses a field that it does not know', async () => {
    await expect(createEnvironment('python3')(['moon_phase'])).rejects.toMatchObject({
      failureClass: 'worker_outdated',
    });
  });
});
