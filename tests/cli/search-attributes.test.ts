import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../local/built.js';
import { grpcProxy, type GrpcProxy } from '../support/grpc-proxy.js';
import { startTemporal, type TestServer } from '../support/temporal-server.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

const pipeline = (value: number): string =>
  `pawl: 1\nname: quick\nsteps:\n  nap: { uses: test.sleep, with: { steps: 1, step_ms: 1, value: ${value} } }\n`;

describe('a namespace without search attributes', () => {
  let server: TestServer;
  let proxy: GrpcProxy;
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    server = await startTemporal();
    proxy = await grpcProxy(server.address, { deny: /OperatorService\/AddSearchAttributes/ });
    rig = await pawlRig();
    Object.assign(rig.env, { TEMPORAL_ADDRESS: proxy.address, TEMPORAL_NAMESPACE: 'bare' });
    await server.client.connection.workflowService.registerNamespace({
      namespace: 'bare',
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    expect((await rig.pawl(['up'])).stderr).toBe('');
    writeFileSync(join(rig.folder, 'quick.yaml'), pipeline(1));
    writeFileSync(join(rig.folder, 'later.yaml'), pipeline(2));
  }, 180_000);
  afterAll(async () => {
    await rig.dispose();
    await proxy.close();
    await server.stop();
  }, 60_000);

  it('and without the right to register them: the run goes without and says so', async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', 'quick.yaml']);
    expect(stderr).toMatch(/the namespace bare has no search attributes PawlPipeline, .*operator rights are needed/);
    expect(stderr).toContain('temporal operator search-attribute create -n bare --name PawlPipeline --type Keyword');
    expect(stdout).toMatch(/nap +done/);
    expect(code).toBe(0);
    expect(proxy.refused.length).toBeGreaterThan(0);
  }, 120_000);

  it('and with the right: they are registered, and the run says that later ones have them', async () => {
    const { code, stderr } = await rig.pawl(['run', 'later.yaml'], { TEMPORAL_ADDRESS: server.address });
    expect(stderr).toMatch(/PawlGitSha were registered just now: this run goes without, later ones have them/);
    expect(code).toBe(0);
    const listed = await server.client.connection.operatorService.listSearchAttributes({ namespace: 'bare' });
    expect(Object.keys(listed.customAttributes)).toContain('PawlPipeline');
  }, 120_000);
});
