// A field that searches while somebody types in it, and with its form where no script runs.
import { html } from "hono/html";
import type { Html } from "../layout.ts";

export interface SearchField {
  label: string;
  /** Address of the page that shows the results. */
  action: string;
  query: string;
  /** Id of the element with the results, on this page and on that one. */
  results: string;
  /** Further fields of the form. */
  more?: Html | "";
  autofocus?: boolean;
}

/** The attributes of a form's field that shows its results in place of the page's. */
export const showsResults = (action: string, results: string): Html =>
  html`hx-get="${action}" hx-include="closest form" hx-target="#${results}" hx-select="#${results}"
  hx-swap="outerHTML" hx-replace-url="true"`;

export const searchField = ({
  label,
  action,
  query,
  results,
  more = "",
  ...field
}: SearchField): Html =>
  html`<form role="search" class="search" action="${action}">
    <label for="q">${label}</label>
    <input
      id="q"
      type="search"
      name="q"
      value="${query}"
      autocomplete="off"
      dir="auto"
      ${field.autofocus ? html`autofocus` : ""}
      hx-trigger="input changed delay:200ms, search"
      ${showsResults(action, results)}
    />
    ${more}
    <noscript><button>Find</button></noscript>
  </form>`;
