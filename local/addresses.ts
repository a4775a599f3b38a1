// Where the servers answer: what temporal.config.ts names, else the embedded ones on loopback.
import type { TemporalConfig } from '../schemas/config.js';

export const loopback = '127.0.0.1';

/** host:port of the Temporal server that this configuration means. Pure. */
export const temporalAddress = (config: TemporalConfig): string =>
  config.temporal.address ?? `${loopback}:${config.ports.temporal}`;

/** Base URL of the Temporal UI; null when the server is not ours and nobody named one. Pure. */
export function temporalUiUrl(config: TemporalConfig): string | null {
  if (config.temporal.uiUrl !== null) return config.temporal.uiUrl.replace(/\/+$/, '');
  return config.temporal.address === null ? `http://${loopback}:${config.ports.temporalUi}` : null;
}

/** Base URL of MLflow; null when tracking is off. Pure. */
export function mlflowUrl(config: TemporalConfig): string | null {
  if (config.mlflow.url === 'off') return null;
  return (config.mlflow.url ?? `http://${loopback}:${config.ports.mlflow}`).replace(/\/+$/, '');
}

/** Page of a workflow in the Temporal UI; without a run id, of its latest run. Null when no UI is known. Pure. */
export function workflowPage(config: TemporalConfig, workflowId: string, runId: string | null = null): string | null {
  const base = temporalUiUrl(config);
  if (base === null) return null;
  const page = `${base}/namespaces/${config.temporal.namespace}/workflows/${encodeURIComponent(workflowId)}`;
  return runId === null ? page : `${page}/${runId}/history`;
}
