// Against a real HTTP server on loopback.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NotifyInput } from '../../activities/calls.js';
import { notify } from '../../activities/notify.js';

interface Received {
  method: string | undefined;
  type: string | undefined;
  body: Record<string, unknown>;
}

let server: Server;
let address: string;
let received: Received[];
/** Status by request; the last one holds for all that follow. */
let answers: number[];

beforeEach(async () => {
  received = [];
  answers = [200];
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      received.push({ method: request.method, type: request.headers['content-type'], body });
      response.statusCode = (answers.length > 1 ? answers.shift() : answers[0]) ?? 200;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/secret-key`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
}

const input: NotifyInput = {
  run: { workflowId: 'tests/one', runId: 'run-1', planHash: 'sha256:0', storeId: 's', pipeline: 'tests' },
  webhook: 'TEAM_URL',
  state: 'failed',
  message: 'sft: no memory [oom]',
  path: null,
  mlflow: 'http://mlflow/#/runs/1',
};

const tellWith = (variables: Record<string, string | undefined>): ReturnType<ReturnType<typeof notify>> =>
  notify({
    programs: { variables, binFolder: null, logFolder: '' },
    runPage: (workflowId) => `http://temporal/${workflowId}`,
  })(input);

describe('notify', () => {
  it('posts what has happened, with links, to the address in the variable', async () => {
    expect(await tellWith({ TEAM_URL: address })).toEqual({ warning: null });
    expect(received).toEqual([
      {
        method: 'POST',
        type: 'application/json',
        body: {
          pipeline: 'tests',
          run: 'tests/one',
          runId: 'run-1',
          state: 'failed',
          step: null,
          message: 'sft: no memory [oom]',
          text: 'tests/one failed: sft: no memory [oom]\nhttp://temporal/tests/one\nhttp://mlflow/#/runs/1',
          links: { temporal: 'http://temporal/tests/one', mlflow: 'http://mlflow/#/runs/1' },
        },
      },
    ]);
  });

  it('tries again when the server is in trouble, and not when it refuses', async () => {
    answers = [503, 200];
    expect(await tellWith({ TEAM_URL: address })).toEqual({ warning: null });
    expect(received).toHaveLength(2);
    answers = [404];
    const { warning } = await tellWith({ TEAM_URL: address });
    expect(warning).toBe('the address in TEAM_URL answers 404: nobody was told');
    expect(received).toHaveLength(3);
  });

  it('warns without naming the address when nobody can be told', async () => {
    const closed = address.replace(/:\d+/, ':1');
    const warnings = await Promise.all([
      tellWith({ TEAM_URL: closed }),
      tellWith({}),
      tellWith({ TEAM_URL: 'hooks.example.org/secret-key' }),
    ]);
    expect(warnings.map(({ warning }) => warning)).toEqual([
      expect.stringMatching(/^the address in TEAM_URL cannot be reached \(.+\): nobody was told$/) as string,
      'the worker has no environment variable TEAM_URL: nobody was told',
      'TEAM_URL of the worker is no http address: nobody was told',
    ]);
    expect(JSON.stringify(warnings)).not.toContain('secret-key');
  });
});
