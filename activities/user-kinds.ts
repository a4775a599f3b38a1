// The step kinds of temporal.config.ts: where their files are, and what runs them.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KindSource } from '../schemas/config.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import { stepKind as validKind } from '../schemas/generated/validators.js';
import type { KindImplementation } from './kind.js';
import { StepFailure } from './kind.js';
import { trainerOp } from './kinds/trainer-op.js';

type Loader = () => Promise<KindImplementation>;

export interface UserKind {
  declaration: StepKind;
  load: Loader;
  /** From where the trainer imports it; null for one that is no Python. */
  pythonFolder: string | null;
}

/** A kind of the configuration that cannot be used, and what to do. */
export class KindError extends Error {
  override name = 'KindError';
}

/**
 * The declared kinds with their implementations, each loaded when first run. Relative paths are below `root`. Fails with
 * KindError: a file is missing, a declaration is not valid, a name is taken.
 */
export function readUserKinds(sources: readonly KindSource[], root: string, own: readonly string[]): UserKind[] {
  const taken = new Set(own);
  return sources.map((source) => {
    const path = locate(source.declaration, root);
    const declaration = parseDeclaration(path);
    if (taken.has(declaration.kind))
      throw new KindError(`${path}: there is a step kind \`${declaration.kind}\` already. Give this one another name.`);
    taken.add(declaration.kind);
    const implementation = implementationOf(source, root);
    const isPython = implementation.endsWith('.py');
    return {
      declaration,
      load: (isPython ? pythonLoader : moduleLoader)(implementation, declaration),
      pythonFolder: isPython ? dirname(implementation) : null,
    };
  });
}

/** Where a file of a kind is: below `root`, or in an installed package. Fails with KindError when it is not there. */
export function locate(file: string, root: string): string {
  const isPath = file.startsWith('.') || isAbsolute(file);
  const found = isPath ? resolve(root, file) : inPackage(file, root);
  if (found !== null && existsSync(found)) return found;
  const where = isPath ? `${resolve(root, file)} does not exist` : 'no installed package has it';
  throw new KindError(
    `The step kind ${file} of temporal.config.ts cannot be found: ${where}. A path begins with ./, ../ or /, and is relative to ${root}.`,
  );
}

function inPackage(file: string, root: string): string | null {
  try {
    return createRequire(join(root, 'package.json')).resolve(file);
  } catch {
    return null;
  }
}

function parseDeclaration(path: string): StepKind {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KindError(`${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (validKind(value)) return value as StepKind;
  const first = validKind.errors?.[0];
  throw new KindError(
    `${path} declares no step kind: ${first?.instancePath} ${first?.message}. \`pawl validate\` of a pipeline shows every fault with its place.`,
  );
}

/** Default: beside the declaration. */
function implementationOf({ declaration, implementation }: KindSource, root: string): string {
  if (implementation !== undefined) return locate(implementation, root);
  const path = locate(declaration, root);
  const found = ['.js', '.py'].map((ending) => path.replace(/\.json$/, ending)).find((beside) => existsSync(beside));
  if (found !== undefined) return found;
  throw new KindError(
    `${path} has no implementation beside it: write ${basename(path, '.json')}.js or .py there, or name it as \`implementation\` in temporal.config.ts.`,
  );
}

/** The operation of the trainer that a Python file is. */
function pythonLoader(path: string, { kind, runs }: StepKind): Loader {
  if (runs === 'trainer') return () => Promise.resolve(trainerOp(`module:${basename(path, '.py')}`));
  throw new KindError(
    `${path}: what is written in Python runs on the trainer. Declare "runs": "trainer" in \`${kind}\`.`,
  );
}

const moduleLoader =
  (path: string, { kind }: StepKind): Loader =>
  async () => {
    const module: unknown = await import(pathToFileURL(path).href);
    if (typeof module === 'object' && module !== null && 'run' in module && typeof module.run === 'function')
      return module.run as KindImplementation;
    throw new StepFailure('config', `${path} exports no function \`run\`, which \`${kind}\` needs.`);
  };
