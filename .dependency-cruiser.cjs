// Who may know whom (ARCHITECTURE.md, "The parts"). One list of directions; the rules are made from it.
/** What each folder may import besides itself. */
const mayImport = {
  schemas: [],
  expressions: ['schemas'],
  compiler: ['schemas', 'expressions'],
  store: ['schemas'],
  retrieval: ['schemas'],
  tracking: ['schemas', 'store'],
  planning: ['schemas', 'expressions', 'store'],
  gc: ['schemas', 'planning', 'store', 'tracking'],
  workflows: ['schemas', 'expressions', 'activities'],
  activities: ['schemas', 'expressions', 'store', 'retrieval', 'tracking'],
  testing: ['schemas', 'expressions', 'compiler', 'workflows', 'activities'],
  local: ['schemas'],
  worker: [
    'schemas', 'expressions', 'store', 'retrieval', 'tracking', 'activities', 'workflows', 'local', 'temporal.config.ts',
  ],
  cli: [
    'schemas', 'expressions', 'compiler', 'planning', 'gc', 'store', 'tracking', 'activities', 'workflows', 'testing',
    'local', 'worker', 'temporal.config.ts',
  ],
  bench: [
    'schemas', 'expressions', 'compiler', 'planning', 'store', 'retrieval', 'tracking', 'activities', 'workflows', 'local',
    'worker', 'temporal.config.ts',
  ],
  chaos: ['schemas', 'store', 'tracking', 'local', 'worker', 'bench'],
  study: ['schemas', 'store', 'retrieval', 'bench', 'temporal.config.ts'],
  'temporal.config.ts': ['schemas'],
}; // prettier-ignore

const product = Object.keys(mayImport);
const pathOf = (part) => (part.endsWith('.ts') ? `^${part.replaceAll('.', '\\.')}$` : `^${part}/`);

const directions = product.map((part) => ({
  name: `${part}-knows-only-what-it-may`,
  severity: 'error',
  comment: `${part} may import ${mayImport[part].join(', ') || 'nothing else of Pawl'}. Move the code, or pass what is needed in.`,
  from: { path: pathOf(part) },
  to: { path: product.filter((other) => other !== part && !mayImport[part].includes(other)).map(pathOf) },
}));

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'workflows-import-activities-by-type-only',
      severity: 'error',
      comment: 'Workflow code runs in a sandbox, replayed; activities run elsewhere, once. Use `import type`.',
      from: { path: '^workflows/' },
      to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'testing-imports-activities-by-type-only',
      severity: 'error',
      comment: 'A test of a pipeline runs the interpreter with faked steps: nothing of what steps really do.',
      from: { path: '^testing/' },
      to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'testing-does-no-io',
      severity: 'error',
      comment: 'It is handed texts and compiled pipelines, and hands back results: no clock, no network, no store.',
      from: { path: '^testing/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-node-modules-in-the-sandbox',
      severity: 'error',
      comment: 'The sandbox has no Node modules, and its results must not depend on the machine.',
      from: { path: '^(workflows|expressions)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'workflows-reach-nothing-with-node-modules',
      severity: 'error',
      comment: 'Also through other files: what a workflow loads at run time must be free of Node modules.',
      from: { path: '^workflows/', pathNot: '^workflows/in-process' },
      to: { path: '^(compiler|store|planning|schemas/identity\\.ts)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the-compiler-does-no-io',
      severity: 'error',
      comment: 'It is handed file contents and digests. Paths may be joined, bytes hashed.',
      from: { path: '^compiler/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(path|crypto)(/posix)?$' },
    },
    {
      name: 'gradients-live-in-the-trainer',
      severity: 'error',
      comment: 'Only retrieval/ runs models in TypeScript.',
      from: { path: product.filter((part) => part !== 'retrieval').map(pathOf) },
      to: { path: 'node_modules/onnxruntime-node/' },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      comment: 'What a test and the product share belongs to the product.',
      from: { path: product.map(pathOf) },
      to: { path: '^(tests|scripts)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Files that need each other are one thing, or one of them knows too much.',
      from: { path: product.map(pathOf) },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      comment: 'A package must be in package.json, not be there by luck.',
      from: { path: product.map(pathOf) },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'] },
    },
    {
      name: 'product-code-needs-no-dev-packages',
      severity: 'error',
      comment: 'Move the package from devDependencies to dependencies.',
      from: { path: product.filter((part) => part !== 'bench').map(pathOf) },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^dist/'] },
    exclude: { path: ['^dist/', '^\\.pawl/', '^tests/architecture/fixtures/'] },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    moduleSystems: ['es6', 'cjs'],
  },
};
