// Reads payloads that the client hands out as the server has them: details of heartbeats, messages of failures.
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { Payload } from '@temporalio/common';
import type { Session } from './session.js';

/** The first value. Fails with LocalError `payload_unreadable` when the codec cannot read it. */
export async function firstValue(session: Session, payloads: Payload[] | null | undefined): Promise<unknown> {
  const [value] = await decodeArrayFromPayloads(session.client.options.loadedDataConverter, payloads);
  return value;
}

export interface RawFailure {
  message?: string | null;
  /** Holds the message where a payload codec is set. */
  encodedAttributes?: Payload | null;
  applicationFailureInfo?: { type?: string | null } | null;
  timeoutFailureInfo?: unknown;
}

/** The message of a failure, decoded. */
export async function messageOf(session: Session, failure: RawFailure): Promise<string> {
  if (failure.encodedAttributes == null) return failure.message ?? '';
  const attributes = await firstValue(session, [failure.encodedAttributes]);
  return (attributes as { message?: string }).message ?? '';
}
