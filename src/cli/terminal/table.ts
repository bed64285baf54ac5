// Columns of text, without rules: as wide as the terminal, elsewhere as wide as their text.
import { stylist } from "./colours.ts";
import type { Output } from "./terminal.ts";
import { shortened, widthOf } from "./text.ts";

export interface Column<Row> {
  head: string;
  text(row: Row): string;
  align?: "right";
  /** Shorten the column if there is no room; the text of `tail` stays whole after it. */
  flexible?: boolean;
  tail?(row: Row): string;
  /** Omit the column if there is no room, the one with the highest number first. */
  spare?: number;
}

const GAP = "  ";
/** Width from which a flexible column is readable. */
const NARROWEST = 20;

/** Lines without line breaks. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  output: Pick<Output, "isTTY" | "columns">,
): string[] {
  const room = output.isTTY === true ? (output.columns ?? 80) : Infinity;
  const style = stylist(output);
  let used = columns.map((column) => measure(rows, column));
  const spares = columns.filter(({ spare }) => spare !== undefined);
  for (const { spare } of spares.toSorted((a, b) => b.spare! - a.spare!)) {
    if (least(used) <= room) break;
    used = used.filter(({ column }) => column.spare !== spare);
  }
  const fixed = used.filter(({ column }) => !column.flexible);
  const left = room - total(fixed.map(({ width }) => width)) - GAP.length;
  for (const one of used)
    if (one.column.flexible) one.width = Math.min(one.width, Math.max(left, NARROWEST));
  const line = (cells: readonly string[]): string => cells.join(GAP).trimEnd();
  return [
    style(line(used.map(({ column, width }) => padded(column.head, width, column.align))), "dim"),
    ...rows.map((row) =>
      line(used.map(({ column, width }) => padded(cell(row, column, width), width, column.align))),
    ),
  ];
}

interface Measured<Row> {
  column: Column<Row>;
  width: number;
}

function measure<Row>(rows: readonly Row[], column: Column<Row>): Measured<Row> {
  const widths = rows.map((row) => widthOf(column.text(row) + (column.tail?.(row) ?? "")));
  return { column, width: Math.max(widthOf(column.head), ...widths) };
}

const total = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1);

const least = <Row>(used: readonly Measured<Row>[]): number =>
  total(used.map(({ column, width }) => (column.flexible ? Math.min(width, NARROWEST) : width)));

function cell<Row>(row: Row, { text, tail, flexible }: Column<Row>, width: number): string {
  const end = tail?.(row) ?? "";
  if (!flexible) return text(row) + end;
  return shortened(text(row), Math.max(1, width - widthOf(end))) + end;
}

function padded(text: string, width: number, align?: "right"): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "right" ? space + text : text + space;
}
