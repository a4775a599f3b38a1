// The shape of temporal.config.ts: where pipelines run. Types only.

export interface TrainerQueue {
  /** Task queue that a worker with this slot polls. */
  queue: string;
  gpus: number;
  labels: string[];
}

export interface TemporalConfig {
  /** State of the embedded servers, work folders and caches. */
  home: string;
  /** Folder of the package: where dist/, trainer/ and the tool chain of the set-up are. */
  packageRoot: string;
  temporal: {
    /** host:port; null = the embedded server (`pawl up`). */
    address: string | null;
    namespace: string;
    apiKey: string | null;
    tls: boolean;
    /** Base URL of the Temporal UI; null = unknown, no links. */
    uiUrl: string | null;
  };
  /** Ports of the embedded servers, on loopback. */
  ports: { temporal: number; temporalUi: number; mlflow: number };
  /** Folder, or s3://bucket/prefix. */
  store: string;
  /** null = the embedded server; 'off' = none. */
  mlflow: { url: string | null; experiment: string };
  workflowQueue: string;
  trainers: TrainerQueue[];
  trainer: {
    python: string;
    threads: number;
    /** Bytes of loaded artifacts that a trainer keeps in memory; more than one model of yours, or each job loads it anew. */
    cacheBytes: number;
    device: 'auto' | 'cpu';
  };
  /** Bytes of materialised artifacts that a host keeps. */
  hostCacheBytes: number;
}
