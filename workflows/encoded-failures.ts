// How failures are written where a payload codec is set: message and stack trace as a payload, which the codec encodes.
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
