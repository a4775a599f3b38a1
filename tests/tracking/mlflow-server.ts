// A real MLflow server for tests, and a door before it that can be shut.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestMlflow {
  url: string;
  port: number;
  stop(): Promise<void>;
}

const repository = resolve(import.meta.dirname, '..', '..');

export async function startMlflow(): Promise<TestMlflow> {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-mlflow-'));
  const port = await new Promise<number>((resolvePort) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
  const program = join(repository, '.pawl', 'python', 'bin', 'mlflow');
  const child = spawn(
    program,
    [
      'server',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--workers',
      '1',
      '--backend-store-uri',
      `sqlite:///${folder}/mlflow.db`,
      '--artifacts-destination',
      join(folder, 'artifacts'),
    ],
    {
      cwd: folder,
      stdio: 'ignore',
      detached: true,
      env: {
        ...process.env,
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
        MLFLOW_DISABLE_TELEMETRY: 'true',
        OMP_NUM_THREADS: '1',
      },
    },
  );
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 100_000;
  for (;;) {
    const answers = await fetch(`${url}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (answers) break;
    if (Date.now() > deadline || child.exitCode !== null) throw new Error('the MLflow server did not start');
    await sleep(200);
  }
  return {
    url,
    port,
    async stop() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Door {
  url: string;
  /** Refuses connections from now on, and breaks those there are. */
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Lets the next answers never arrive, although the server has got the requests. */
  swallowAnswers(swallow: boolean): void;
}

export async function doorTo(port: number): Promise<Door> {
  let own = 0;
  let swallow = false;
  let server: Server | null = null;
  const sockets = new Set<Socket>();
  const door: Door = {
    url: '',
    async shut() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => (server === null ? done() : server.close(() => done())));
      server = null;
    },
    async open() {
      const made = createServer((inside) => {
        const outside = connect({ port, host: '127.0.0.1' });
        for (const socket of [inside, outside]) {
          sockets.add(socket);
          socket.on('error', () => undefined);
          socket.once('close', () => sockets.delete(socket));
        }
        inside.on('data', (bytes) => outside.write(bytes));
        outside.on('data', (bytes) => (swallow ? inside.destroy() : inside.write(bytes)));
        inside.once('close', () => setTimeout(() => outside.destroy(), 1_000).unref());
        outside.once('close', () => inside.destroy());
      });
      server = made;
      await new Promise<void>((done) => made.listen(own, '127.0.0.1', () => done()));
      const address = made.address();
      own = typeof address === 'object' && address !== null ? address.port : 0;
      door.url = `http://127.0.0.1:${own}`;
    },
    swallowAnswers(now) {
      swallow = now;
    },
  };
  await door.open();
  return door;
}
