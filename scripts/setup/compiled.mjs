// Leg `build`: dist/ from the TypeScript sources, and the workflow bundle that workers load.
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runLogged } from './command.mjs';
import { clearStamp, digestOf, digestOfTree, isFresh, textOf, writeStamp } from './stamps.mjs';

const sources = [
  'activities', 'bench', 'chaos', 'cli', 'compiler', 'expressions', 'local', 'planning', 'retrieval', 'schemas', 'store',
  'testing', 'tracking', 'worker', 'workflows', 'temporal.config.ts', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json',
]; // prettier-ignore
const isSource = (path) => /\.(ts|cts|cjs|json|onnx)$/.test(path);
/** What tsc leaves behind but the program needs beside its code. */
const isAsset = (path) => /\.(cjs|onnx)$/.test(path);

/** Null when there is nothing to do. @param {{ root: string, home: string, env: NodeJS.ProcessEnv }} context */
export function planBuild({ root, home, env }) {
  const digest = digestOf(
    root,
    digestOfTree(root, sources, isSource),
    textOf(join(root, 'scripts', 'setup', 'compiled.mjs')),
  );
  if (isFresh(home, 'build', digest) && existsSync(join(root, 'dist'))) return null;
  return { bytes: 0.2e9, run: (say) => build({ root, home, env, digest, say }) };
}

async function build({ root, home, env, digest, say }) {
  clearStamp(home, 'build');
  const options = { cwd: root, env, log: join(home, 'logs', 'setup-build.log'), mirror: 'npm_config_registry' };
  say('tsc');
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await runLogged(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    ...options,
    doing: 'Compiling the TypeScript sources',
  });
  copyAssets(root);
  removeOrphans(root, 'dist');
  const bundler = join(root, 'dist', 'worker', 'bundle.js');
  if (existsSync(bundler)) {
    say('workflow bundle');
    const program = `import { bundleTo } from ${JSON.stringify(pathToFileURL(bundler).href)}; await bundleTo(${JSON.stringify(join(root, 'dist', 'workflow-bundle.js'))});`;
    await runLogged(process.execPath, ['--input-type=module', '-e', program], {
      ...options,
      doing: 'Bundling the workflows',
    });
  }
  writeStamp(home, 'build', digest);
}

function copyAssets(root) {
  const visit = (path) => {
    if (statSync(join(root, path)).isDirectory())
      for (const name of readdirSync(join(root, path))) visit(`${path}/${name}`);
    else if (isAsset(path)) {
      mkdirSync(dirname(join(root, 'dist', path)), { recursive: true });
      copyFileSync(join(root, path), join(root, 'dist', path));
    }
  };
  for (const path of sources) if (existsSync(join(root, path))) visit(path);
}

/** Compiled files whose source is gone must not be importable any more. */
function removeOrphans(root, folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) removeOrphans(root, path);
    else if (/\.js(\.map)?$/.test(path) && path !== 'dist/workflow-bundle.js') {
      const source = path.slice('dist/'.length).replace(/\.js(\.map)?$/, '.ts');
      if (!existsSync(join(root, source))) rmSync(join(root, path));
    }
  }
}
