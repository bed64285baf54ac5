// Faults of a message as one line with the field; the SDK would answer with its validator's whole report.
import { ProtocolError, ProtocolErrorCode, specTypeSchemas } from "@modelcontextprotocol/server";
import { AppError } from "../../lib/errors.ts";
import { rpcErrorOf } from "../../protocol/errors.ts";

interface Issue {
  message: string;
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined;
}

/** The reason why a body is not a JSON-RPC message. */
export function messageFault(body: unknown): string {
  if (typeof body !== "object" || body === null)
    return "Expected a JSON-RPC 2.0 message, which is an object.";
  const schema =
    "method" in body
      ? "id" in body
        ? specTypeSchemas.JSONRPCRequest
        : specTypeSchemas.JSONRPCNotification
      : "error" in body
        ? specTypeSchemas.JSONRPCErrorResponse
        : "result" in body
          ? specTypeSchemas.JSONRPCResultResponse
          : specTypeSchemas.JSONRPCRequest;
  const { issues } = schema["~standard"].validate(body);
  return issues ? `No JSON-RPC 2.0 message. ${line(issues)}` : "No JSON-RPC 2.0 message.";
}

/** The reason why a request's params are not those of its method. */
export function paramsFault(schema: "InitializeRequest", request: unknown): string {
  const { issues = [] } = specTypeSchemas[schema]["~standard"].validate(request) as Validated;
  return line(issues);
}

type Validated = { issues?: readonly Issue[] };

/** The error to send: a caller's mistake as a protocol error, a validator's report as one readable line. */
export function readable(thrown: unknown): unknown {
  if (thrown instanceof AppError) {
    const { code, message, data } = rpcErrorOf(thrown);
    return new ProtocolError(code, message, data);
  }
  const issues = reported(thrown);
  return issues ? new ProtocolError(ProtocolErrorCode.InvalidParams, line(issues)) : thrown;
}

/** The issues in an SDK error, which has the report's JSON in its message, behind a few words at most. */
function reported(thrown: unknown): Issue[] | undefined {
  const report = thrown instanceof Error && /^[\w/: ]*(\[[^]*\])$/.exec(thrown.message)?.[1];
  if (!report) return undefined;
  try {
    const issues = JSON.parse(report) as Issue[];
    return issues.every(({ path }) => Array.isArray(path)) ? issues : undefined;
  } catch {
    return undefined;
  }
}

/** Fields with two possible types, for which the validator names neither. */
const IDS = ["id", "progressToken", "requestId"];

const line = (issues: readonly Issue[]): string => `${[...new Set(issues.map(one))].join("; ")}.`;

function one({ path = [], message }: Issue): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  const field = (keys[0] === "params" && keys.length > 1 ? keys.slice(1) : keys).join(".");
  const what = IDS.includes(keys.at(-1) ?? "") ? "expected text or a whole number" : "not expected";
  const reason = message === "Invalid input" ? what : message.replace(/^Invalid input: /, "");
  return `${field && `${field}: `}${reason.replace(/\.$/, "")}`;
}
