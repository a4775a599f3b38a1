// docs/bench-trl.md from what was measured. Pure.
import type { StageCosts, TrlCosts } from './beside-trl.js';
import { median } from './commands.js';

export interface TrlMeasured {
  machine: string;
  commit: string;
  date: string;
  costs: TrlCosts;
}

/** The page as Markdown. */
export function trlPage({ machine, commit, date, costs }: TrlMeasured): string {
  const { sizes, threads, sft, grpo } = costs;
  return (
    [
      '<!-- Written by `npm run bench -- trl`. Do not edit. -->',
      '# Training beside TRL',
      '',
      `Commit ${commit}, ${date}. ${machine}. ${threads} threads, float32.`,
      '',
      `The same model (preset \`${sizes.preset}\`, weights from \`model.init\`), the same token ids, the same micro-batches of ${sizes.microBatch}, AdamW, the same`,
      `environment, in turns over ${sizes.rounds} rounds; the first step of each round is not counted. Pawl: the operations of the trainer as a`,
      'worker calls them, files of policy, optimizer and rollouts written and read, but without the store and Temporal (those are in',
      '[bench.md](bench.md)). TRL: `SFTTrainer` on examples sorted by length, and `GRPOTrainer` with its own sampling, both with gradient',
      'checkpointing off and nothing saved. Before anything is compared, both train on one batch: losses may differ by 1e-3 and gradient',
      'norms by 1e-3 of their size, else there is no page.',
      '',
      '| | tokens a step | tokens/s (median) | rounds | ratio to TRL | first loss | first gradient norm |',
      '|---|---|---|---|---|---|---|',
      ...rows('supervised', sft),
      ...rows('GRPO', grpo),
      '',
      `Supervised: cross-entropy on reasoning targets, ${sizes.batch} examples a step; tokens are those of prompts and targets, without padding.`,
      `GRPO: ${sizes.queries} queries, ${sizes.group} samples each, exactly ${sizes.new} tokens a sample (the tokens that end one are not drawn, in both), all trained;`,
      'tokens are those sampled, the time is that of sampling, reward and update. Pawl also computes what TRL does not: log-probabilities by the',
      "weights of training, and an embedding of each sample. TRL trains on the prompt's side with padding on the left, Pawl by length.",
    ].join('\n') + '\n'
  );
}

function rows(name: string, costs: StageCosts): string[] {
  const [pawl, trl] = [median(costs.pawl), median(costs.trl)];
  const row = (who: 'pawl' | 'trl', ratio: string): string => {
    const { loss, gradNorm } = costs.first[who];
    const values = costs[who].map((value) => value.toFixed(0)).join(', ');
    const label = `${name}, ${who === 'pawl' ? 'Pawl' : 'TRL'}`;
    return `| ${label} | ${costs.tokens} | ${median(costs[who]).toFixed(0)} | ${values} | ${ratio} | ${loss.toFixed(5)} | ${gradNorm.toFixed(5)} |`;
  };
  return [row('pawl', (pawl / trl).toFixed(2)), row('trl', '1')];
}
