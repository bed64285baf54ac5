// How resources are offered: a provider knows its own uris and says nothing about others.
import type {
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
} from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";
import type { Suggestions } from "../kernel/completion.ts";

/** A template's variable that somebody is typing. */
export interface TypedVariable {
  name: string;
  value: string;
  /** The other variables, as far as they are known. */
  given: Readonly<Record<string, string>>;
}

export interface ResourcePage {
  resources: Resource[];
  /** Where there is more. */
  nextCursor?: string | undefined;
}

export interface ResourceProvider {
  readonly templates?: readonly ResourceTemplateType[];
  /** What the principal may see, as far as it can be listed; from behind `cursor`, which an earlier page gave. */
  list(principal: Principal, cursor?: string): Promise<Resource[] | ResourcePage>;
  /** Suggestions for a variable of one of `templates`. */
  complete?(template: string, variable: TypedVariable, principal: Principal): Promise<Suggestions>;
  /** Undefined for a uri that is not there, or not for this principal: the two are never told apart. */
  read(uri: string, principal: Principal): Promise<ReadResourceResult["contents"] | undefined>;
}
