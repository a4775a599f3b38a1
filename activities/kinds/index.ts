// Step kind -> implementation. Loaded when first run: a worker without a trainer never loads onnxruntime.
import type { KindImplementation } from '../kind.js';

type Loader = () => Promise<KindImplementation>;

export const kindImplementations: Readonly<Record<string, Loader>> = {
  'data.code-search': async () => (await import('./data-code-search.js')).run,
  'model.init': async () => (await import('./model-init.js')).run,
  'model.load': async () => (await import('./model-load.js')).run,
  'model.lora': async () => (await import('./model-lora.js')).run,
  'model.merge': async () => (await import('./model-merge.js')).run,
  'model.export': async () => (await import('./model-export.js')).run,
  'train.sft': async () => (await import('./train-sft.js')).run,
  'rl.rollout': async () => (await import('./rl-rollout.js')).run,
  'rl.update': async () => (await import('./rl-update.js')).run,
  'index.build': async () => (await import('./index-build.js')).run,
  'index.shard': async () => (await import('./index-shard.js')).run,
  'index.ranks': async () => (await import('./index-ranks.js')).run,
  'index.refresh': async () => (await import('./index-refresh.js')).run,
  'index.refresh-shard': async () => (await import('./index-refresh-shard.js')).run,
  'index.record': async () => (await import('./index-record.js')).run,
  'index.replay': async () => (await import('./index-replay.js')).run,
  'rl.reward': async () => (await import('./rl-reward.js')).run,
  'eval.retrieval': async () => (await import('./eval-retrieval.js')).run,
  'eval.shard': async () => (await import('./eval-shard.js')).run,
  'eval.compare': async () => (await import('./eval-compare.js')).run,
  'data.mine-negatives': async () => (await import('./data-mine-negatives.js')).run,
  'data.mix': async () => (await import('./data-mix.js')).run,
  'data.jsonl': async () => (await import('./data-jsonl.js')).run,
  command: async () => (await import('./command.js')).run,
  'test.fail': async () => (await import('./test-fail.js')).run,
  'test.sleep': async () => (await import('./test-sleep.js')).run,
};
