// Defines resources: `defineResource`. Built-in resources use it too; there is no second, private way.
import {
  type Annotations,
  type Icon,
  type ReadResourceResult,
  type Resource as WireResource,
  type ResourceTemplateType,
  specTypeSchemas,
} from "@modelcontextprotocol/server";
import type { Principal, Scope } from "../auth/principal.ts";
import { type Complete, type CompletionContext, completions } from "../definitions/completions.ts";
import {
  about,
  checkWire,
  readFields,
  readFunction,
  readScope,
  refuseMisspelt,
  refuseUnknown,
  titleOf,
} from "../definitions/fields.ts";
import { ToolMistake } from "../definitions/mistake.ts";
import type { RequestContext } from "../definitions/request.ts";
import { fieldOf } from "../definitions/schema.ts";
import { findJsonFault } from "../lib/json/json-fault.ts";
import type { Suggestions } from "../protocol/completion.ts";
import { canonicalUri } from "../sessions/uris.ts";
import { parseTemplate, type Variables } from "./template.ts";

export interface ResourceContext extends RequestContext {
  /** The requested uri, or its canonical form. */
  uri: string;
  /** Variables of the template. */
  variables: Variables;
}

export interface ListContext {
  principal: Principal;
  /** `nextCursor` of the previous page. */
  cursor: string | undefined;
}

/** One of a template's resources in a list. */
export type ListedResource = Pick<WireResource, "uri"> & Partial<WireResource>;

export interface ResourcePage {
  resources: readonly ListedResource[];
  /** Cursor of the next page, if there is one. */
  nextCursor?: string | undefined;
}

/** Text, bytes, or another JSON value. */
export type ResourceResult =
  | string
  | Uint8Array
  | ReadResourceResult // the whole result of MCP
  | object
  | number
  | boolean
  | null
  | undefined // a missing resource
  | void;

export interface ResourceSpec {
  /** Uri of a single resource. */
  uri?: string;
  /** RFC 6570 template of many resources, such as `notes://{name}`. */
  uriTemplate?: string;
  name: string;
  title?: string;
  description?: string;
  /** Default: `text/plain`, `application/octet-stream` or `application/json`, by the returned value. */
  mimeType?: string;
  /** Bytes of a single resource. */
  size?: number;
  annotations?: Annotations;
  icons?: Icon[];
  _meta?: Record<string, unknown>;
  /** Scope that a caller needs. Default: `read`. */
  scope?: Scope;
  /** Suggestions by variable of the template. */
  complete?: Readonly<Record<string, Complete>>;
  /** List the template's resources that this principal may see. Default: none are listed. */
  list?(
    context: ListContext,
  ): readonly ListedResource[] | ResourcePage | Promise<readonly ListedResource[] | ResourcePage>;
  /** Variables of a uri; undefined for another resource's. Default: matching by the uri or the template. */
  match?(uri: string): Variables | undefined;
  /** Read for this principal. Return nothing for a forbidden resource, too: it is answered like a missing one. */
  read(context: ResourceContext): ResourceResult | Promise<ResourceResult>;
}

/** A resource, or a template of resources, that is ready to be registered. */
export interface Resource {
  /** The uri or the template. */
  readonly key: string;
  readonly wire: WireResource | ResourceTemplateType;
  readonly scope: Scope;
  list(context: ListContext): Promise<{ resources: WireResource[]; nextCursor?: string }>;
  complete(variable: string, value: string, context: CompletionContext): Promise<Suggestions>;
  match(uri: string): Variables | undefined;
  /** Resolves to undefined for a missing resource. */
  read(context: ResourceContext): Promise<ReadResourceResult["contents"] | undefined>;
}

const RESOURCE = Symbol.for("holdfast/resource");
const FIELDS = [
  ...["uri", "uriTemplate", "name", "title", "description", "mimeType", "size", "annotations"],
  ...["icons", "_meta", "scope", "complete", "list", "match", "read"],
];

const ANNOTATIONS = ["audience", "priority", "lastModified"];

/** @throws TypeError that names the resource and the field, for a definition that cannot work or that MCP forbids */
export function defineResource(spec: ResourceSpec): Resource {
  if (typeof spec !== "object" || spec === null)
    throw new TypeError("defineResource: expected { uri, name, read, … }.");
  const { uri, uriTemplate } = readFields(spec, "A resource", ["uri", "uriTemplate"]);
  const key = uri ?? uriTemplate;
  const whose = typeof key === "string" ? `Resource ${key.slice(0, 128)}` : "A resource";
  refuseUnknown(spec, whose, FIELDS);
  if (typeof key !== "string" || (uri !== undefined && uriTemplate !== undefined))
    throw new TypeError("A resource: uri: expected a uri, or a template as uriTemplate; not both.");
  const { name, scope, ...given } = readFields(spec, whose, FIELDS);
  const [read, list, match] = ["read", "list", "match"].map((field) =>
    readFunction(whose, field, given[field]),
  ) as [ResourceSpec["read"] | undefined, ResourceSpec["list"], ResourceSpec["match"]];
  about(whose, "annotations", () => refuseMisspelt(given["annotations"], ANNOTATIONS));
  if (read === undefined) throw new TypeError(`${whose}: read: it is needed.`);
  if (list !== undefined && uriTemplate === undefined)
    throw new TypeError(`${whose}: list: only the resources of a uriTemplate are listed with it.`);
  if (uri !== undefined && !/^[A-Za-z][A-Za-z0-9+.-]*:[^\s{}]+$/.test(key))
    throw new TypeError(`${whose}: uri: expected a uri, such as notes://all.`);
  const template =
    uriTemplate === undefined ? undefined : about(whose, "uriTemplate", () => parseTemplate(key));
  const complete = completions(whose, given["complete"], template?.names ?? []);
  const described = ["title", "description", "mimeType", "size", "annotations", "icons", "_meta"];
  const shown = described.filter((field) => given[field] !== undefined);
  const wire = checkWire<Resource["wire"]>(
    whose,
    uri === undefined ? "ResourceTemplate" : "Resource",
    {
      ...(uri === undefined ? { uriTemplate: key } : { uri: key }),
      name,
      ...(typeof name === "string" && { title: titleOf(name) }),
      ...Object.fromEntries(shown.map((field) => [field, given[field]])),
    },
  );
  const { mimeType } = wire;
  const canonical = canonicalUri(key);
  const resource: Resource = {
    key: uri === undefined ? key : canonical,
    wire,
    scope: readScope(whose, scope) ?? "read",
    match:
      match?.bind(spec) ??
      template?.match ??
      ((asked) => (canonicalUri(asked) === canonical ? {} : undefined)),
    complete: async (variable, value, context) =>
      (await complete.get(variable)?.call(spec, value, context)) ?? [],
    async list(context) {
      if (uri !== undefined) return { resources: [wire as WireResource] };
      const listed = (await list?.call(spec, context)) ?? [];
      return settleList(key, listed, mimeType);
    },
    read: async (context) => settleContents(context.uri, await read.call(spec, context), mimeType),
  };
  return Object.freeze(Object.assign(resource, { [RESOURCE]: true }));
}

/** True if a value, such as a module's export, is a resource. */
export const isResource = (value: unknown): value is Resource =>
  typeof value === "object" && value !== null && RESOURCE in value;

/** @throws ToolMistake for a value that cannot be sent */
function settleList(
  key: string,
  listed: unknown,
  mimeType: string | undefined,
): { resources: WireResource[]; nextCursor?: string } {
  const page = (Array.isArray(listed) ? { resources: listed } : listed) as ResourcePage;
  const where = `resource ${key} list`;
  const fault = findJsonFault(page);
  if (fault) throw new ToolMistake(`${where}.${fault.path}`, `received ${fault.received}`);
  const resources = Array.isArray(page.resources)
    ? page.resources.map((one: ListedResource) => ({
        name: one?.uri,
        ...(mimeType !== undefined && { mimeType }),
        ...one,
      }))
    : page.resources;
  const result = { ...page, resources };
  const { issues: [issue] = [] } =
    specTypeSchemas.ListResourcesResult["~standard"].validate(result);
  if (issue) throw new ToolMistake(`${where}.${fieldOf(issue)}`, issue.message);
  return result as { resources: WireResource[] };
}

/** Contents as MCP sends them. @throws ToolMistake for a value that cannot be sent */
function settleContents(
  uri: string,
  read: unknown,
  mimeType: string | undefined,
): ReadResourceResult["contents"] | undefined {
  if (read === undefined || read === null) return undefined;
  if (typeof read === "string") return [{ uri, mimeType: mimeType ?? "text/plain", text: read }];
  if (read instanceof Uint8Array) {
    const blob = Buffer.from(read).toString("base64");
    return [{ uri, mimeType: mimeType ?? "application/octet-stream", blob }];
  }
  const where = `resource ${uri} result`;
  const fault = findJsonFault(read);
  if (fault)
    throw new ToolMistake(
      [where, fault.path].filter(Boolean).join("."),
      `received ${fault.received}`,
    );
  if (typeof read === "object" && "contents" in read && Array.isArray(read.contents)) {
    const whole = specTypeSchemas.ReadResourceResult["~standard"].validate(read);
    const [issue] = whole.issues ?? [];
    if (issue) throw new ToolMistake(`${where}.${fieldOf(issue)}`, issue.message);
    return (read as ReadResourceResult).contents;
  }
  const text = JSON.stringify(read, undefined, 2);
  return [{ uri, mimeType: mimeType ?? "application/json", text }];
}
