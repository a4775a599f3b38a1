// The log of a worker: JSON lines on stderr, the SDK's and the activities' among them.
import { Runtime, type LogLevel, type LogMetadata, type Logger } from '@temporalio/worker';
import { destination, pino, type Logger as PinoLogger } from 'pino';

/** Fields of the SDK that say the same in every line. */
const noise = new Set(['taskToken', 'namespace', 'sdkComponent', 'isLocal', 'workflowRunId']);

/** The logger of the process. */
export const createLogger = (): PinoLogger =>
  pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    destination({ dest: 2, sync: true }),
  );

/** Makes the SDK log to `logger`, and leaves signals to main.ts. Call once a process, before the first connection. */
export function installLogging(logger: PinoLogger): void {
  Runtime.install({
    logger: sdkLogger(logger),
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
}

function sdkLogger(logger: PinoLogger): Logger {
  const write = (level: LogLevel, message: string, meta: LogMetadata = {}): void => {
    const facts = Object.fromEntries(
      Object.entries(meta)
        .filter(([name]) => !noise.has(name))
        .map(plain),
    );
    if (level === 'ERROR') logger.error(facts, message);
    else if (level === 'WARN') logger.warn(facts, message);
    else if (level === 'INFO') logger.info(facts, message);
  };
  const at =
    (level: LogLevel) =>
    (message: string, meta?: LogMetadata): void =>
      write(level, message, meta);
  return { log: write, trace: at('TRACE'), debug: at('DEBUG'), info: at('INFO'), warn: at('WARN'), error: at('ERROR') };
}

/** An error in a log line: its message is what a person needs, its stack stays for the unexpected ones. */
const plain = ([name, value]: [string, unknown]): [string, unknown] =>
  value instanceof Error
    ? [name, { type: 'type' in value ? value.type : value.name, message: value.message }]
    : [name, value];
