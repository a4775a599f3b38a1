// A map over promises that keeps only so many under way: enough to hide the latency of a disk, not enough to run out of files.

/** The results in the order of the items. The first failure rejects, once what is under way has ended. */
export async function mapLimited<Item, Out>(
  items: readonly Item[],
  limit: number,
  run: (item: Item) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  const failures: unknown[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [position, item] of queue) {
      if (failures.length > 0) return;
      try {
        results[position] = await run(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}
