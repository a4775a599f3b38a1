// The report of `pawl plan` as a Mermaid flowchart: steps by state, loops as subgraphs. Pure.
import type { LoopNode, Node, Plan } from '../schemas/generated/plan.js';
import type { PlanReport, Step } from '../schemas/generated/plan-report.js';

const colours: Record<Step['state'], string> = {
  RUN: 'fill:#cfe2ff,stroke:#0d6efd',
  CACHED: 'fill:#d1e7dd,stroke:#198754',
  RESUME: 'fill:#cff4fc,stroke:#0dcaf0',
  PENDING: 'fill:#fff3cd,stroke:#ffc107',
  SKIPPED: 'fill:#f8f9fa,stroke:#adb5bd,color:#6c757d',
  WAITING: 'fill:#e2d9f3,stroke:#6f42c1',
  PRUNED: 'fill:#ffe5d0,stroke:#fd7e14',
  DAMAGED: 'fill:#f8d7da,stroke:#dc3545',
};

interface Drawing {
  lines: string[];
  edges: string[];
  used: Set<Step['state']>;
  count: number;
}

/** The graph as lines of text. */
export function planMermaid({ plan, steps }: PlanReport): string[] {
  const drawing: Drawing = { lines: [], edges: [], used: new Set(), count: 0 };
  // The report carries the plan as it was compiled.
  drawLevel(drawing, (plan as unknown as Plan).steps, { planned: steps, state: null, ids: new Map(), depth: 1 });
  const classes = [...drawing.used].sort().map((state) => `  classDef ${state.toLowerCase()} ${colours[state]}`);
  return ['flowchart TD', ...drawing.lines, ...drawing.edges, ...classes];
}

interface DrawnLevel {
  planned: readonly Step[];
  /** Of the loop around it, for a body that was not planned step by step. */
  state: Step['state'] | null;
  /** Of the steps around it, by name. */
  ids: ReadonlyMap<string, string>;
  depth: number;
}

function drawLevel(drawing: Drawing, nodes: Record<string, Node>, level: DrawnLevel): void {
  const ids = new Map(level.ids);
  for (const name of Object.keys(nodes)) ids.set(name, `n${drawing.count++}`);
  for (const [name, node] of Object.entries(nodes)) {
    const step = level.planned.find(({ path }) => path === name || path.endsWith(`.${name}`));
    const state = step?.state ?? level.state ?? 'PENDING';
    const id = ids.get(name) ?? name;
    drawing.used.add(state);
    for (const dep of node.deps) drawing.edges.push(`  ${ids.get(dep) ?? dep} --> ${id}`);
    if (node.node === 'loop') drawLoop(drawing, { id, name, node, step, state }, { ...level, ids });
    else {
      const label = [name, node.node === 'step' ? node.uses : node.node, labelOf(step, state)]
        .map(quoted)
        .join('<br/>');
      const box = node.node === 'gate' ? `{{"${label}"}}` : `["${label}"]`;
      drawing.lines.push(`${'  '.repeat(level.depth)}${id}${box}:::${state.toLowerCase()}`);
    }
  }
}

function drawLoop(
  drawing: Drawing,
  loop: { id: string; name: string; node: LoopNode; step: Step | undefined; state: Step['state'] },
  level: DrawnLevel,
): void {
  const { id, name, node, step, state } = loop;
  const margin = '  '.repeat(level.depth);
  const max = step?.max == null ? '' : ` of ${step.max}`;
  drawing.lines.push(
    `${margin}subgraph ${id}["${[name, `loop${max}`, labelOf(step, state)].map(quoted).join('<br/>')}"]`,
  );
  drawLevel(drawing, node.steps, { planned: step?.steps ?? [], state, ids: level.ids, depth: level.depth + 1 });
  drawing.lines.push(`${margin}end`, `${margin}class ${id} ${state.toLowerCase()}`);
}

function labelOf(step: Step | undefined, state: Step['state']): string {
  const at = step?.checkpointStep ?? step?.click ?? null;
  return state === 'RESUME' && at !== null ? `RESUME@${at}` : state;
}

/** Inside a quoted label only these mean something. */
const quoted = (text: string): string =>
  text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;');
