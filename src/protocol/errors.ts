// Errors of requests that are refused before a handler runs, and the JSON-RPC error of every kind of error.
import {
  AppError,
  type AppErrorOptions,
  type ErrorCode,
  type RequestErrorCode,
} from "../lib/errors.ts";
import { RPC } from "./json-rpc.ts";

export interface RequestErrorOptions extends AppErrorOptions {
  /** The message that is refused; the answer has its id. */
  request?: unknown;
  /** The field `data` of the JSON-RPC error. */
  data?: unknown;
  /** Headers of the HTTP answer. */
  headers?: Record<string, string>;
  /** Seconds after which the caller may try again. */
  retryAfter?: number;
}

/** An `AppError` with what the answer to the refused request needs. */
export class RequestError extends AppError {
  readonly request: unknown;
  readonly data: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: RequestErrorCode, message: string, options: RequestErrorOptions = {}) {
    super(code, message, options);
    const { request, data, headers, retryAfter } = options;
    this.request = request;
    this.data = data;
    this.headers = {
      ...headers,
      ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    };
  }
}

const RPC_CODES: Readonly<Record<ErrorCode, number>> = {
  invalid: RPC.invalidParams,
  not_found: RPC.internal,
  forbidden: RPC.internal,
  conflict: RPC.internal,
  limit: RPC.invalidRequest,
  busy: RPC.internal,
  model: RPC.internal,
  storage_full: RPC.internal,
  storage: RPC.internal,
  start: RPC.internal,
  interrupted: RPC.internal,
  unavailable: RPC.internal,
  internal: RPC.internal,
  parse: RPC.parseError,
  invalid_request: RPC.invalidRequest,
  invalid_params: RPC.invalidParams,
  invalid_envelope: RPC.invalidParams,
  header_mismatch: RPC.headerMismatch,
  unsupported_version: RPC.unsupportedVersion,
  missing_capability: RPC.missingCapability,
  unknown_resource: RPC.resourceNotFound,
  unknown_client: RPC.sessionNotFound,
  unauthenticated: RPC.server,
  bad_http: RPC.server,
  foreign_host: RPC.server,
  no_route: RPC.server,
  wrong_method: RPC.server,
  not_acceptable: RPC.server,
  gone: RPC.server,
  too_large: RPC.server,
  wrong_media_type: RPC.server,
  too_many: RPC.server,
  try_again: RPC.server,
};

/** The field `error` of a JSON-RPC answer. */
export interface RpcError {
  code: number;
  message: string;
  data?: unknown;
}

export function rpcErrorOf(error: AppError): RpcError {
  const data = error instanceof RequestError ? error.data : undefined;
  return {
    code: RPC_CODES[error.code],
    message: error.advice,
    ...(data !== undefined && { data }),
  };
}

/** The answer to a client that has ended, or that never was. */
export const unknownClient = (): RequestError =>
  new RequestError("unknown_client", "Session not found: send initialize again.");

/** The error of a request that a stop of the server keeps from its answer. */
export const stopping = (headers: Record<string, string> = {}): RequestError =>
  new RequestError("try_again", "The server is stopping. Try again.", { headers, retryAfter: 1 });
