// A table; each row is a card on a narrow screen.
import { html } from "hono/html";
import type { Html } from "../layout.ts";

/** `label`: its name for people who do not see it. An empty head is that of the column with the actions. */
export const table = (
  label: string,
  heads: readonly string[],
  rows: readonly (readonly (Html | string)[])[],
): Html =>
  html`<div
    id="table-${label.toLowerCase().replaceAll(" ", "-")}"
    class="scrolls"
    tabindex="0"
    role="region"
    aria-label="${label}"
  >
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th>${head === "" ? html`<span class="hidden">Action</span>` : head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell, index) => html`<td data-head="${heads[index]}">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
