// The quickstart on a smaller model, with fewer functions and fewer steps: what `npm run demo -- --tiny` and `npm run chaos` run.
// What it reaches is no measure of the method.
const settings = [
  'preset=test',
  'functions=1500',
  'terms=5',
  'sft_steps=150',
  'batch=48',
  'pairs=128',
  'iterations=10',
  'queries=16',
  'group=4',
  'replay=16',
  'min_ndcg=0.12',
  'gain=3',
].flatMap((setting) => ['--set', setting]);

/** The file, as `pawl run` takes it from the folder of the clone. */
export const quickstart = 'pipelines/quickstart.yaml';

/** Arguments of `pawl run`. */
export const tinyRun = [quickstart, ...settings];

/**
 * The same with more iterations of the loop than either run has.
 * @param {readonly string[]} run
 */
export const longer = (run) => {
  const place = run.findIndex((argument) => argument.startsWith('iterations='));
  const rest = place < 0 ? run : run.toSpliced(place - 1, 2);
  return [...rest, '--set', `iterations=${place < 0 ? 80 : 20}`];
};
