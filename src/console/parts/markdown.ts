// Messages as HTML. Their text is hostile: no HTML of theirs comes through, no image is loaded, and links lead to pages
// and mail addresses only.
import { raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

/** Longer code is shown without colours, and a longer message as it was written: both would take long. */
const MAX_CODE = 50_000;
const MAX_TEXT = 200_000;

export type RenderMarkdown = (text: string) => HtmlEscapedString;

let renderer: Promise<RenderMarkdown> | undefined;

/** The renderer. Its libraries are loaded at the first use: a server whose console nobody opens starts without them. */
export const markdown = (): Promise<RenderMarkdown> => (renderer ??= load());

async function load(): Promise<RenderMarkdown> {
  const [{ default: MarkdownIt }, { default: hljs }] = await Promise.all([
    import("markdown-it"),
    import("highlight.js/lib/common"),
  ]);
  const md = new MarkdownIt({
    html: false,
    linkify: true,
    breaks: true,
    highlight: (code, language) =>
      code.length <= MAX_CODE && hljs.getLanguage(language)
        ? hljs.highlight(code, { language, ignoreIllegals: true }).value
        : "",
  });
  md.disable("image");
  md.validateLink = (url) => /^(https?:|mailto:)/i.test(url.trim());
  md.renderer.rules["link_open"] = (tokens, index, options, _env, self) => {
    tokens[index]!.attrSet("rel", "noopener noreferrer");
    tokens[index]!.attrSet("target", "_blank");
    return self.renderToken(tokens, index, options);
  };
  // Each block runs as its first letter does: an answer may mix Arabic, Hebrew and English.
  md.core.ruler.push("direction", ({ tokens }) => {
    for (const token of tokens)
      if (token.level === 0 && token.nesting === 1) token.attrSet("dir", "auto");
  });
  const { escapeHtml } = md.utils;
  return (text) =>
    raw(text.length <= MAX_TEXT ? md.render(text) : `<pre class="plain">${escapeHtml(text)}</pre>`);
}
