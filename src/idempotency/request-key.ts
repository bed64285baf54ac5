// The check of request keys, in calls and in imported files.
import { checkText } from "../lib/text/text.ts";

const MAX_BYTES = 200;

/** @throws AppError `invalid` for a key that is too long or cannot be stored */
export const checkRequestKey = (key: string): void => checkText("request_key", key, MAX_BYTES);
