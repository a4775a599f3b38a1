// What a step costs: a pipeline of many steps that do next to nothing, beside Temporal workflows that do the same without
// Pawl, on the same server, taking turns.
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowExecutionDescription } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { controlActivities } from './control-activities.js';
import type { Installation } from './installation.js';

const steps = 200;
const rounds = 3;
const queue = 'bench-control';

export interface StepCosts {
  steps: number;
  rounds: number;
  /** Milliseconds a step of each round, from the start to the end of the workflow as the server has them. */
  pawl: number[];
  writing: number[];
  bare: number[];
  eventsPerStep: number;
  filesPerStep: number;
  bytesPerStep: number;
}

/** Measures. Starts the servers of the installation. */
export async function measureSteps(installation: Installation): Promise<StepCosts> {
  await installation.pawl('run', await pipelineFile(installation.folder, 'warm-up', steps), '--wait');
  const connection = await Connection.connect({ address: installation.temporal });
  const client = new Client({ connection });
  const sizes: number[] = [];
  const perStep = (): number => Math.ceil(sizes.length / steps);
  const sizesOf = (step: number): number[] => sizes.slice(step * perStep(), (step + 1) * perStep());
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const native = await NativeConnection.connect({ address: installation.temporal });
  const worker = await Worker.create({
    connection: native,
    taskQueue: queue,
    workflowsPath: fileURLToPath(new URL('./control-workflows.js', import.meta.url)),
    activities: controlActivities(join(installation.folder, 'control'), sizesOf),
  });
  const running = worker.run();
  try {
    for (const control of ['writing', 'bare'])
      await client.workflow.execute(control, { taskQueue: queue, workflowId: `${control}-warm-up`, args: [steps] });
    return await takeTurns(installation, client, sizes);
  } finally {
    worker.shutdown();
    await running;
    await native.close();
    await connection.close();
  }
}

async function takeTurns(installation: Installation, client: Client, sizes: number[]): Promise<StepCosts> {
  const costs: StepCosts = {
    steps,
    rounds,
    pawl: [],
    writing: [],
    bare: [],
    eventsPerStep: 0,
    filesPerStep: 0,
    bytesPerStep: 0,
  };
  for (let round = 0; round < rounds; round += 1) {
    const before = await sizesBelow(installation.store);
    const name = `round-${round}`;
    await installation.pawl('run', await pipelineFile(installation.folder, name, steps, round + 1), '--wait');
    const { perStepMs, events } = costOf(await onlyOne(client, `bench-${name}`));
    costs.pawl.push(perStepMs);
    costs.eventsPerStep = Math.max(costs.eventsPerStep, events / steps);
    const after = await sizesBelow(installation.store);
    sizes.length = 0;
    sizes.push(...[...after].filter(([path]) => !before.has(path)).map(([, bytes]) => bytes));
    for (const control of ['writing', 'bare'] as const) {
      const handle = await client.workflow.start(control, {
        taskQueue: queue,
        workflowId: `${control}-${round}`,
        args: [steps],
      });
      await handle.result();
      costs[control].push(costOf(await handle.describe()).perStepMs);
    }
  }
  costs.filesPerStep = sizes.length / steps;
  costs.bytesPerStep = sizes.reduce((sum, size) => sum + size, 0) / steps;
  return costs;
}

/** Time and events of a workflow that has ended, as the server has them. */
function costOf(workflow: WorkflowExecutionDescription): { perStepMs: number; events: number } {
  const { startTime, closeTime, historyLength, status, type } = workflow;
  if (closeTime === undefined || status.name !== 'COMPLETED') throw new Error(`${type} ended as ${status.name}`);
  return { perStepMs: (closeTime.getTime() - startTime.getTime()) / steps, events: historyLength };
}

/** The one workflow of a type; the list lags behind the end of a workflow by a moment. */
async function onlyOne(client: Client, type: string): Promise<WorkflowExecutionDescription> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    for await (const found of client.workflow.list({ query: `WorkflowType = '${type}'` })) {
      return await client.workflow.getHandle(found.workflowId, found.runId).describe();
    }
    await sleep(200);
  }
  throw new Error(`no workflow of type ${type}`);
}

/** A chain of steps: each takes the output of the one before. */
async function pipelineFile(folder: string, name: string, count: number, value = 0): Promise<string> {
  const lines = ['pawl: 1', `name: bench-${name}`, 'steps:'];
  for (let step = 0; step < count; step += 1) {
    const previous = step === 0 ? '' : `, previous: "\${{ steps.s${step - 1}.outputs.folder }}"`;
    lines.push(`  s${step}: { uses: test.sleep, with: { steps: 1, step_ms: 0, value: ${value}${previous} } }`);
  }
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

/** Path and size of every file that the steps left in the store; plans and run records belong to the run. */
async function sizesBelow(store: string): Promise<Map<string, number>> {
  const entries = await readdir(store, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = new Map<string, number>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /\/(runs|plans|cursors|\.tmp)\//.test(path)) continue;
    sizes.set(path, (await stat(path)).size);
  }
  return sizes;
}
