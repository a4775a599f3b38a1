// Never re-encodes: the index stays that of the first encoder.
import type { RefreshPolicy } from './policy.js';

export const none: RefreshPolicy = () => Promise.resolve({ rows: [], probe: [] });
