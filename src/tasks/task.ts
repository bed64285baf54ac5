// A task: a call of a tool that outlives its request, its connection and the process that runs it. Its states and fields
// are those of the extension `io.modelcontextprotocol/tasks`.

export const TASK_STATUSES = [
  "working",
  "input_required",
  "completed",
  "failed",
  "cancelled",
] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Times are milliseconds since 1970. */
export interface Task {
  id: string;
  /** The principal that called the tool. */
  owner: string;
  /** The session of the call, with which the task goes; null for a call without one. */
  sessionId: string | null;
  tool: string;
  status: TaskStatus;
  statusMessage: string | null;
  progress: number | null;
  progressTotal: number | null;
  /** Number of the last change that a reader can see. */
  revision: number;
  /** Number of the run: 0 before the first. */
  attempt: number;
  createdAt: number;
  updatedAt: number;
  /** Time at which an open task fails, and from which an ended one may be deleted; null for never. */
  expiresAt: number | null;
}

/** A task with all that a reader may want to know. */
export interface TaskView extends Task {
  arguments: unknown;
  /** Questions without an answer, by name, in the order in which they were asked. */
  questions: Readonly<Record<string, unknown>>;
  /** The tool's result; undefined unless completed. */
  result?: unknown;
  /** The JSON-RPC error; undefined unless failed. */
  error?: unknown;
}

/** True for a task whose call may begin it anew: it has failed, was cancelled, or its tool has told a failure. */
export const hasFailed = ({ status, result }: Pick<TaskView, "status" | "result">): boolean =>
  status === "failed" ||
  status === "cancelled" ||
  (result as { isError?: unknown } | undefined)?.isError === true;

/** True for the end of a task that its process has left in its middle. */
export const isInterrupted = ({ error }: Pick<TaskView, "error">): boolean =>
  (error as { data?: { interrupted?: unknown } } | undefined)?.data?.interrupted === true;

export const hasEnded = ({ status }: Pick<Task, "status">): boolean =>
  status !== "working" && status !== "input_required";
