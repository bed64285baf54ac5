// `holdfast doctor`: checks everything and says how to fix faults. It changes nothing without --fix.
import { accessSync, constants, existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  asTexts,
  type Config,
  type ConfigSources,
  givenText,
  loadConfig,
  settings,
  type Settings,
} from "../../config/config.ts";
import { serverOf } from "../../config/data-place.ts";
import { reportSettings, type SettingReport, settingWarnings } from "../../config/report.ts";
import { accessFindings } from "../../health/access.ts";
import { checkPlace } from "../../health/data-folder.ts";
import { fail, type Finding, ok, warn } from "../../health/finding.ts";
import { checkModel } from "../../health/model.ts";
import { AppError } from "../../lib/errors.ts";
import { sizeText } from "../../lib/files/room.ts";
import { counted } from "../../lib/text/plural.ts";
import { databaseBytes, databaseFile, inspect, noDatabase } from "../../storage/admin.ts";
import { VERSION } from "../../version.ts";
import { stylist } from "../terminal/colours.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { inLocalTimes } from "../terminal/times.ts";
import { checkDatabase } from "./database.ts";
import { checkServer } from "./server.ts";
import { checkTools } from "./tools.ts";

export interface DoctorFlags {
  fix?: boolean;
  json?: boolean;
}

export async function doctor(
  settings: Settings,
  { fix, json }: DoctorFlags,
  terminal: Terminal,
): Promise<void> {
  const sources = { flags: asTexts(settings), env: process.env };
  const given = reportSettings(sources);
  let findings = await examine(sources);
  const fixed = fix ? findings.flatMap((finding) => finding.fix?.() ?? []) : [];
  if (fixed.length > 0) findings = await examine(sources);
  if (findings.some(({ status }) => status === "fail")) terminal.setExitCode();
  if (json) return terminal.print(JSON.stringify({ findings, fixed, settings: given }));
  const style = stylist(terminal.output);
  for (const line of settingLines(given)) terminal.print(line);
  terminal.print("");
  for (const finding of findings) terminal.print(findingLine(finding, style));
  for (const done of fixed) terminal.print(`${style("fixed", "cyan")} ${done}`);
  const worst = (["fail", "warn", "ok"] as const).find((status) =>
    findings.some((finding) => finding.status === status),
  );
  terminal.print(`\n${style(verdict(findings), ["bold", COLOURS[worst ?? "ok"]])}`);
}

/** Run all checks, in the order in which a user would fix their faults. */
async function examine(sources: ConfigSources): Promise<Finding[]> {
  const versions = ok("version", `Holdfast ${VERSION} on Node ${process.versions.node}.`);
  const { config, findings } = checkSettings(sources);
  const outside = config ? [await checkModel(config), ...(await checkTools(config))] : [];
  return [versions, ...findings, ...outside, ...(await examineData(sources, config))];
}

async function examineData(sources: ConfigSources, config: Config | undefined): Promise<Finding[]> {
  if (config && serverOf(config) !== undefined) return checkServer(config);
  const folder = config?.["data-dir"] ?? givenFolder(sources);
  return folder === undefined ? [] : checkData(databaseFile(folder), config);
}

/** The data folder of settings with a fault; undefined if the fault is in this one. */
function givenFolder(sources: ConfigSources): string | undefined {
  const { kind, default: own } = settings["data-dir"];
  const read = kind.read(givenText("data-dir", sources)?.text ?? own);
  return read === undefined ? undefined : resolve(read);
}

/** `config`: absent if the settings have a fault. */
function checkSettings(sources: ConfigSources): { config?: Config; findings: Finding[] } {
  try {
    const config = loadConfig(sources);
    const warnings = settingWarnings(config, sources.env);
    const findings =
      warnings.length === 0
        ? [ok("settings", "Every setting is understood.")]
        : warnings.map((text) => warn("settings", text, "Correct it or take it away."));
    return { config, findings };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const findings = error.advice
      .split("\n")
      .map((line) => fail("settings", `${line}.`, "The server does not start with this."));
    return { findings };
  }
}

/** Says whether a first start can make the database. */
function firstStart(file: string): string {
  let folder = dirname(file);
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return "A first start makes one.";
  } catch {
    return `A first start cannot make one: this user may not write to ${folder}.`;
  }
}

function checkData(file: string, config: Config | undefined): Finding[] {
  if (!existsSync(file)) {
    const { message, hint = "" } = noDatabase(file);
    const access = config ? accessFindings(config) : [];
    return [...access, fail("database", message, `${hint} ${firstStart(file)}`)];
  }
  try {
    const now = Date.now();
    const found = inspect(file, now);
    const sqlite = "sqliteVersion" in found ? ` (SQLite ${found.sqliteVersion})` : "";
    const access = config && "keys" in found ? accessFindings(config, found.keys) : [];
    return [
      ...access,
      ok("database", `${file}, ${sizeText(databaseBytes(file))}${sqlite}.`),
      ...checkPlace(file),
      ...checkDatabase(found, file, now),
    ];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { message, hint = "Name another folder with --data-dir." } = error;
    return [fail("database", message, hint), ...checkPlace(file)];
  }
}

/** Settings that the user has set, with their sources; the help lists the defaults. */
function settingLines(all: readonly SettingReport[]): string[] {
  const given = all.filter(({ from }) => from !== "the default");
  return [
    ...given.map(({ name, value, from }) => `set   ${name} is ${value}, from ${from}`),
    `set   ${counted(all.length - given.length, given.length > 0 ? "other setting" : "setting")} by default (--json lists them)`,
  ];
}

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const;

function findingLine(
  { check, status, says, advice }: Finding,
  style: ReturnType<typeof stylist>,
): string {
  const text = `${style(status.padEnd(5), COLOURS[status])} ${check}: ${inLocalTimes(says)}`;
  return advice === undefined ? text : `${text} ${inLocalTimes(advice)}`;
}

function verdict(findings: readonly Finding[]): string {
  const count = (status: Finding["status"]): number =>
    findings.filter((finding) => finding.status === status).length;
  const [failures, warnings] = [count("fail"), count("warn")];
  if (failures === 0 && warnings === 0) return "All is well.";
  return `${counted(failures, "problem")}, ${counted(warnings, "warning")}.`;
}
