// `holdfast completion`: prints a script that a shell reads once. The script calls the hidden command `complete`, so it
// always knows the commands, options and sessions of the installed program.
import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# source <(holdfast completion bash)
_holdfast() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$(printf '%q' "$line")")
  done < <(holdfast complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -gt 0 ]] || compopt -o default
}
complete -F _holdfast holdfast`,
  zsh: `#compdef holdfast
# source <(holdfast completion zsh)
_holdfast() {
  local -a found
  found=("\${(@f)$(holdfast complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _holdfast holdfast`,
  fish: `# holdfast completion fish | source
function __holdfast_complete
  set -l words (commandline -opc) (commandline -ct)
  holdfast complete -- $words[2..-1] 2>/dev/null
end
complete -c holdfast -a '(__holdfast_complete)'`,
};

export const completionScript = (shell: Shell): string => SCRIPTS[shell];

export interface Completing {
  /** Words that begin like the current one. */
  words: string[];
  /** True if the word may be a session: add the names of sessions. */
  sessions: boolean;
  /** The words before the current one. */
  given: readonly string[];
}

/** `words`: the words after the program's name; the last one is the current one and may be empty. */
export function complete(program: Command, words: readonly string[]): Completing {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const { command, rest } = commandOf(program, before);
  const option = optionBefore(command, before.at(-1));
  const beginning = (all: readonly string[]): string[] =>
    all.filter((word) => word.startsWith(current));
  if (option !== undefined && option.required) {
    const isSession = option.long === "--session";
    return { words: beginning(option.argChoices ?? []), sessions: isSession, given: before };
  }
  if (current.startsWith("-"))
    return {
      words: beginning(
        command
          .createHelp()
          .visibleOptions(command)
          .flatMap(({ long }) => long ?? []),
      ),
      ...{ sessions: false, given: before },
    };
  const commands = rest === 0 ? command.createHelp().visibleCommands(command) : [];
  const argument = command.registeredArguments.at(
    Math.min(rest, command.registeredArguments.length - 1),
  );
  const more =
    argument !== undefined && (argument.variadic || rest < command.registeredArguments.length);
  return {
    words: beginning([
      ...commands.map((one) => one.name()),
      ...(more ? (argument.argChoices ?? []) : []),
    ]),
    sessions: more && /^sessions?$/.test(argument.name()),
    given: before,
  };
}

/** The innermost command that the words name, and the number of its arguments so far. */
function commandOf(program: Command, words: readonly string[]): { command: Command; rest: number } {
  let [command, rest] = [program, 0];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (word.startsWith("-")) {
      if (optionBefore(command, word)?.required) at += 1;
      continue;
    }
    const sub = rest === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (sub === undefined) rest += 1;
    else command = sub;
  }
  return { command, rest };
}

const optionBefore = (command: Command, word: string | undefined): Option | undefined =>
  command.options.find(({ long, short }) => word !== undefined && [long, short].includes(word));
