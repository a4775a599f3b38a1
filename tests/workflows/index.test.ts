// The bundle: it is made of what the sandbox allows, stays small, and serves every workflow type.
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { workflowBundle } from '../../worker/bundle.js';

describe('the workflow bundle', () => {
  it('is made without any module that the sandbox refuses, and stays below 3 MB with its source map', async () => {
    const said: string[] = [];
    const say = (message: string): void => void said.push(message);
    const logger = {
      log: (_level: string, message: string) => say(message),
      trace: say,
      debug: say,
      info: say,
      warn: say,
      error: say,
    };
    const code = await workflowBundle(logger);
    expect(said.join('\n')).not.toMatch(/disallowed|error/i);
    expect(code.length).toBeLessThan(3_000_000);
    // The declarations of step kinds travel in the plan, not in the bundle.
    expect(code).not.toContain('step-kind.ts');
    expect(code).not.toContain('generated/kinds');
    // Once it is loaded the sandbox freezes Error: what a promise's stack trace costs is settled by then.
    const sandbox = createContext({ __webpack_module_cache__: {}, TextEncoder, TextDecoder, URL, AbortController });
    runInContext(code, sandbox);
    expect(runInContext('Error.stackTraceLimit', sandbox)).toBe(4);
  });
});
