// index.refresh-shard: what one of several activities does for index.refresh: chooses as the step itself, and encodes its share of the choice.
import { indexCache } from '../../retrieval/index-cache.js';
import { refreshPolicies } from '../../retrieval/refresh/policies.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { refreshLayout } from './corpus-layout.js';
import { encodeShare } from './encode-share.js';
import { artifactInput, shareInput } from './inputs.js';
import { policyInput } from './refresh-inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const share = shareInput(context.inputs);
  return indexCache().withIndex(artifactInput(context.inputs, 'index'), async (loaded) => {
    const { policy, input } = await policyInput(context, loaded);
    // The declaration refuses the policies that would.
    const encode = (): never => {
      throw new StepFailure('internal', `Internal error: policy ${policy} encodes before it has chosen.`);
    };
    const { rows } = await refreshPolicies[policy]({ ...input, encode });
    return { rows: await encodeShare(context, share, [{ name: null, layout: await refreshLayout(context, rows) }]) };
  });
}
