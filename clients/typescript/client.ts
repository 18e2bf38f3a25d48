// The API's client: every path, argument and answer typed by the OpenAPI document (`schema.ts`).
import createFetcher, { type Client } from 'openapi-fetch';
import type { components, paths } from './schema.ts';

export type Schemas = components['schemas'];
export type Problem = Schemas['Problem'];
export type RecoveryClient = Client<paths>;

export interface Options {
  /** Asked before every request, so that a refreshed token holds at once; none: sent without. */
  accessToken?: () => string | undefined;
  /** Of titles, advice and problems; the patient's own language if absent. */
  language?: string;
}

/** The service refused; decide by `code`, show `title`. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(`${status} ${problem.code}: ${problem.detail}`);
    this.name = 'Refusal';
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
  }

  /** The message of a field, by its JSON pointer, e.g. `/device/time_zone`. */
  of(pointer: string): string | undefined {
    return this.problem.errors?.find((each) => each.pointer === pointer)?.message;
  }
}

/** Speak to the service at an origin, e.g. `https://recovery.example`. */
export function connect(origin: string, options: Options = {}): RecoveryClient {
  const client = createFetcher<paths>({ baseUrl: origin.replace(/\/$/, '') });
  client.use({
    onRequest({ request }) {
      const token = options.accessToken?.();
      if (token !== undefined) request.headers.set('Authorization', `Bearer ${token}`);
      if (options.language !== undefined) request.headers.set('Accept-Language', options.language);
      return request;
    },
  });
  return client;
}

interface Answer<Data> {
  data?: Data | undefined;
  error?: unknown;
  response: Response;
}

/** Return what was answered, or throw the Refusal. */
export async function answered<Data>(asked: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await asked;
  if (!response.ok) throw new Refusal(response.status, asProblem(error, response));
  return data as Data;
}

/** What stands between may answer with something else, e.g. a proxy that is down. */
function asProblem(error: unknown, response: Response): Problem {
  if (typeof error === 'object' && error !== null && 'code' in error) return error as Problem;
  return {
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    detail: 'This was not answered by the service.',
    code: 'unavailable',
    request_id: response.headers.get('X-Request-Id') ?? '',
  };
}
