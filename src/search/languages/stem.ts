// The stem of an English word by Porter's algorithm, so that `run` finds `running`. SQLite's full-text index uses the
// same algorithm; the package gives the same stems.
import { stemmer } from "stemmer";

/** The stem of a lower-case word. Words with digits or other letters than English ones stay as they are. */
export const stem = (word: string): string => (/^[a-z]{3,64}$/.test(word) ? stemmer(word) : word);
