// What Pawl wants of its namespace: search attributes, and, on its own server, a long retention.
import type { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { searchAttributes } from '../schemas/search-attributes.js';

/** Indexed value types of Temporal's API by the names used in schemas/search-attributes.ts. */
const indexedValueType = { KEYWORD: 2, INT: 3 } as const;
const retentionMs = 10 * 365 * 24 * 3600 * 1000;
/** gRPC status ALREADY_EXISTS. */
const alreadyExists = 6;

/** Which search attributes of Pawl the namespace lacks. Throws where the server does not let one ask. */
export async function missingSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const listed = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(searchAttributes).filter((name) => !Object.hasOwn(listed.customAttributes, name));
}

/** Registers what is missing. Safe to run twice and by two at once. */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map((name) => [name, indexedValueType[searchAttributes[name as keyof typeof searchAttributes]]]),
      ),
    });
  } catch (error) {
    if ((error as { code?: number }).code !== alreadyExists) throw error;
  }
}

/** Keeps ended workflows in the UI for ten years; the server's own default is a day. */
export async function keepHistory(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(retentionMs) },
  });
}
