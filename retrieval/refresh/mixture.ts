// Divides the budget: a share for the neighbourhood of this iteration's rewards, the rest for the rows that were encoded longest ago,
// so that the whole index follows, too. What the neighbourhood does not use goes to the oldest.
import { chooseInOrder, drawProbe } from './in-order.js';
import { neighbourhoodOrder } from './neighbourhood.js';
import { oldestFirst } from './oldest.js';
import type { RefreshPolicy } from './policy.js';

export const mixture: RefreshPolicy = (input) => {
  const rest = input.budget - drawProbe(input).length;
  const most = Math.round(input.options.share * rest);
  return chooseInOrder(input, [{ from: neighbourhoodOrder(input), most }, { from: oldestFirst(input) }]);
};
