// The environment fields that a step kind may put into its key, found out once a worker, when first asked for.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { StepFailure } from './kind.js';

const run = promisify(execFile);

/** The fields that the kinds declare, by name; `wanted` empty asks for nothing. */
export type Environment = (wanted: readonly string[]) => Promise<Record<string, string>>;

/**
 * Environment of a worker whose trainer runs on this Python. Fails with config when that Python cannot be started, or when
 * a kind asks for a field that this version does not know. What was found is kept; a failure is not.
 */
export function createEnvironment(python: string): Environment {
  let version: Promise<string> | null = null;
  const pythonVersion = (): Promise<string> => {
    version ??= readPythonVersion(python).catch((error: unknown) => {
      version = null;
      throw error;
    });
    return version;
  };
  return async (wanted) => {
    const unknown = wanted.find((field) => field !== 'python_version');
    if (unknown !== undefined) {
      throw new StepFailure(
        'worker_outdated',
        `A step kind is keyed by \`${unknown}\`, which this worker does not know. Update the worker.`,
      );
    }
    return wanted.length === 0 ? {} : { python_version: await pythonVersion() };
  };
}

async function readPythonVersion(python: string): Promise<string> {
  try {
    const { stdout } = await run(python, ['-c', 'import platform; print(platform.python_version())'], {
      timeout: 20_000,
    });
    return stdout.trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StepFailure(
      'config',
      `Python cannot be started: ${python}: ${reason}. Run \`npm run setup\`, or set PAWL_PYTHON.`,
    );
  }
}
