// Ids of sessions, clients and instances: random UUIDs, in the lower-case form that Node makes.
import { randomUUID } from "node:crypto";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const newId = (): string => randomUUID();

export const isId = (text: string): boolean => UUID.test(text);
