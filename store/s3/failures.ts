// What S3 answers when it does not do what it was asked, as the StoreError that says what to do about it.
import { StoreError, systemCode } from '../errors.js';
import type { S3Settings } from './settings.js';
import { textIn } from './xml.js';

/** The head of an answer with what its body says. */
export interface Refusal {
  status: number;
  /** AccessDenied, NoSuchBucket, …; '' where the body does not say. */
  code: string;
  message: string;
  /** The region that the bucket is in, where the server tells. */
  region: string | null;
}

/** What an answer of another status than 2xx says. Pure. */
export function refusalOf(answer: { status: number; headers: Record<string, unknown>; body: Uint8Array }): Refusal {
  const text = new TextDecoder().decode(answer.body);
  const region = answer.headers['x-amz-bucket-region'];
  return {
    status: answer.status,
    code: textIn(text, 'Code') ?? '',
    message: textIn(text, 'Message') ?? '',
    region: typeof region === 'string' ? region : textIn(text, 'Region'),
  };
}

/** Whether the same request may succeed later: the server is busy, or another request is under way. Pure. */
export const isPassing = ({ status, code }: Refusal): boolean =>
  (status >= 500 && status !== 501) ||
  status === 429 ||
  ['RequestTimeout', 'SlowDown', 'ConditionalRequestConflict', 'OperationAborted'].includes(code);

/** A refusal as a StoreError: `config` when somebody has to change something, or else `store_unavailable`. Pure. */
export function refused(settings: S3Settings, action: string, refusal: Refusal): StoreError {
  const { status, code } = refusal;
  const fact = `Cannot ${action} in the store ${settings.url}: the server answered ${status}${code === '' ? '' : ` ${code}`}`;
  const [failureClass, remedy] = remedyOf(settings, refusal);
  return new StoreError(failureClass, `${fact}. ${remedy}`);
}

/** A connection that failed as a StoreError `store_unavailable`. Errors without a system code are bugs and pass unchanged. Pure. */
export function unreachable(settings: S3Settings, action: string, error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof StoreError || code === null || !(error instanceof Error)) return error;
  const { host } = settings.base;
  return new StoreError(
    'store_unavailable',
    `Cannot ${action} in the store ${settings.url}: ${wireFact(code, host)} (${code}). What is committed stays.`,
    { cause: error },
  );
}

function wireFact(code: string, host: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `there is no host ${host}. Are AWS_ENDPOINT_URL and AWS_REGION right, and is the network up?`;
  if (code === 'ECONNREFUSED') return `nothing listens at ${host}. Is the server up, and AWS_ENDPOINT_URL right?`;
  if (code === 'ETIMEDOUT') return `${host} does not answer`;
  if (/CERT|SELF_SIGNED|ERR_TLS/.test(code))
    return `the certificate of ${host} was not accepted. Name its authority in NODE_EXTRA_CA_CERTS`;
  return `the connection to ${host} broke off`;
}

type Remedy = ['config' | 'store_unavailable', string];

function remedyOf(settings: S3Settings, refusal: Refusal): Remedy {
  const named = remedies[refusal.code];
  if (named !== undefined) return named(settings, refusal);
  if (refusal.status === 403) return denied(settings, refusal);
  if (refusal.region !== null && refusal.region !== settings.region) return otherRegion(settings, refusal);
  if (isPassing(refusal))
    return ['store_unavailable', `The server is overloaded or down${words(refusal)}. What is committed stays.`];
  return ['store_unavailable', `Is this server one that Pawl can use${words(refusal)}?`];
}

const remedies: Record<string, (settings: S3Settings, refusal: Refusal) => Remedy> = {
  NoSuchBucket: ({ bucket }) => [
    'config',
    `There is no bucket ${bucket}. Create it, or correct \`store\` (PAWL_STORE).`,
  ],
  InvalidAccessKeyId: () => ['config', 'It does not know the access key. Check AWS_ACCESS_KEY_ID and the endpoint.'],
  SignatureDoesNotMatch: () => ['config', 'The signature is wrong. Check AWS_SECRET_ACCESS_KEY.'],
  InvalidToken: () => [
    'config',
    'It does not know the session. Check AWS_SESSION_TOKEN, or unset it for permanent keys.',
  ],
  // Somebody can start the worker again with new ones: the run need not fail.
  ExpiredToken: () => [
    'store_unavailable',
    'The credentials have run out. Start the worker again with new ones (AWS_SESSION_TOKEN): the run goes on by itself.',
  ],
  RequestTimeTooSkewed: () => ['config', 'The clock of this machine is more than 15 minutes off. Set it.'],
  PermanentRedirect: otherRegionOf,
  AuthorizationHeaderMalformed: otherRegionOf,
  IllegalLocationConstraintException: otherRegionOf,
  XAmzContentSHA256Mismatch: () => ['store_unavailable', 'The bytes changed on their way.'],
  BadDigest: () => ['store_unavailable', 'The bytes changed on their way.'],
  NotImplemented: () => ['config', 'The server lacks a part of S3 that Pawl needs. Use another one as the store.'],
};

function otherRegionOf(settings: S3Settings, refusal: Refusal): Remedy {
  return otherRegion(settings, refusal);
}

const otherRegion = ({ bucket, region }: S3Settings, refusal: Refusal): Remedy => [
  'config',
  `The bucket ${bucket} is not in the region ${region}. Set AWS_REGION${refusal.region === null ? '' : ` to ${refusal.region}`}.`,
];

const denied = ({ bucket }: S3Settings, refusal: Refusal): Remedy => [
  'config',
  `These credentials may not do that. Allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket on the bucket ${bucket}${words(refusal)}.`,
];

/** The server's own words, in brackets. */
const words = ({ message }: Refusal): string =>
  message === '' ? '' : ` (${message.slice(0, 300).replace(/\.$/, '')})`;
