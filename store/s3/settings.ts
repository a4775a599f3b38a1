// Where a store on S3 is and how it is reached: s3://bucket/prefix and the AWS_ variables of the environment. The secrets
// are read here and handed to the signer only, so that no configuration, record or message holds them.
import { StoreError } from '../errors.js';

/** Only what signs a request. Never shown. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface S3Settings {
  /** s3://bucket/prefix, for messages. */
  url: string;
  /** Of the bucket, with a slash at its end; names of objects are put behind it. */
  base: URL;
  /** '' or one that ends with a slash. */
  prefix: string;
  bucket: string;
  region: string;
  credentials: Credentials;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the address and the environment. Throws StoreError `config` where one of them does not do. Pure. */
export function s3Settings(url: string, variables: Variables): S3Settings {
  const [, bucket, path = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(url) ?? [];
  if (bucket === undefined || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw wrong(`The store ${JSON.stringify(url)} names no bucket. Write s3://bucket or s3://bucket/prefix`);
  const segments = path.replace(/\/$/, '').split('/');
  if (path !== '' && segments.some((segment) => !/^[\w.=@+-]+$/.test(segment) || /^\.\.?$/.test(segment)))
    throw wrong(
      `The prefix in the store ${JSON.stringify(url)} may have letters, digits, and - _ . = @ + between slashes`,
    );
  const region = variables['AWS_REGION'] ?? variables['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  return {
    url: url.replace(/\/$/, ''),
    base: baseOf(bucket, region, endpointOf(url, variables)),
    prefix: path === '' ? '' : `${segments.join('/')}/`,
    bucket,
    region,
    credentials: credentialsOf(url, variables),
  };
}

function credentialsOf(url: string, variables: Variables): Credentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = variables;
  const missing = Object.entries({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY })
    .filter(([, value]) => (value ?? '') === '')
    .map(([name]) => name);
  if (missing.length > 0)
    throw wrong(
      `The store ${url} needs credentials, and ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set. Set them where \`pawl\` and its workers start; nothing else is read`,
    );
  return {
    accessKeyId: AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '',
    ...((AWS_SESSION_TOKEN ?? '') === '' ? {} : { sessionToken: AWS_SESSION_TOKEN ?? '' }),
  };
}

/** The server's address where it is not that of AWS. */
function endpointOf(url: string, variables: Variables): URL | null {
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
    const value = variables[name] ?? '';
    if (value === '') continue;
    const endpoint = URL.canParse(value) ? new URL(value) : null;
    if (endpoint === null || !/^https?:$/.test(endpoint.protocol))
      throw wrong(`${name}, which the store ${url} uses, must be an address such as https://s3.example.org`);
    if (endpoint.username !== '' || endpoint.password !== '')
      throw wrong(
        `${name} holds a user name or password. Put credentials into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
      );
    return endpoint;
  }
  return null;
}

/** Other servers, and buckets whose dots no certificate covers, have the bucket in the path. */
function baseOf(bucket: string, region: string, endpoint: URL | null): URL {
  if (endpoint !== null) return new URL(`${endpoint.href.replace(/[?#].*$/, '').replace(/\/$/, '')}/${bucket}/`);
  const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return new URL(bucket.includes('.') ? `https://${host}/${bucket}/` : `https://${bucket}.${host}/`);
}

const wrong = (text: string): StoreError => new StoreError('config', `${text}.`);
