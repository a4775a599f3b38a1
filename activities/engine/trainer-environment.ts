// Settings of the numerical libraries in a trainer's process that change its speed and nothing else.
// What they are worth, measured: docs/decisions.md.

/** Environment variables for a trainer; what `own`, the worker's environment, says wins. Pure. */
export function trainerEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const threads = own['OMP_WAIT_POLICY'] === undefined ? { GOMP_SPINCOUNT: '5000' } : {};
  const wanted = { ...memoryIsKept, ...threads };
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => own[name] === undefined));
}

/**
 * The allocator of glibc keeps what tensors were in for the next ones, where it would give large blocks back to the system
 * and get them again, page by page, at the next operation. Other allocators do not read these.
 */
const memoryIsKept = {
  MALLOC_MMAP_THRESHOLD_: '1073741824',
  MALLOC_TRIM_THRESHOLD_: '1073741824',
  MALLOC_TOP_PAD_: '67108864',
};
