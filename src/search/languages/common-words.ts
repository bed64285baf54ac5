// Words that say little in a question, by language: articles, prepositions, pronouns, forms of "be" and "have", question words.
// They are folded like the words of texts (words.ts). A guess of a query's language rests on them, too.

const LISTS = {
  en: "a about all also am an and any are as at be been but by can could did do does for from had has have he her here his how i if in into is it its just me my no not of on or our she should so some than that the their them then there these they this to too was we were what when where which who whom whose why will with would you your tell know please again name called",
  de: "aber alle als am an auch auf aus bei bin bis bist da das dass dein dem den denn der des die dies diese dieser du durch ein eine einem einen einer er es fur hab habe haben hat hatte hier ich ihr im in ist ja kann kein keine konnen man mein meine mit muss nach nicht noch nur ob oder schon sein seine sich sie sind so soll uber um und uns unser unter vom von vor war waren warum was weiß wann welche welcher welches wer wie wieder wir wird wo woher zu zum zur mal heißt heißen",
  fr: "a ai alors au aux avec ce ces cet cette combien comment d dans de des du elle elles en es est et etait ete etre eu fait faut il ils j je l la le les leur lui m ma mais me mes moi mon n ne nos notre nous on ou par pas plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses son sont sous sur t ta te tes toi ton tous tout trouve tu un une va vos votre vous y",
  es: "a al algo ante como con cual cuales cuando cuanto cuantos de del desde donde dos e el ella ellas ellos en entre era es esa ese eso esta estan estar este esto fue ha hace hacia hasta hay la las le les lo los mas me mi mis muy nada ni no nos nosotros nuestro o para pero por porque que quien quienes se ser si sin sobre son su sus tambien te tiene tu tus un una uno unos y ya yo",
  pt: "a ao aos as ate com como da das de dela dele do dos e ela elas ele eles em entre era essa esse esta estao estar este eu foi ha isso isto ja la lhe mais mas me meu minha muito na nao nas nem no nos nossa nosso num numa o onde os ou para pela pelo per por porque qual quais quando quantos que quem se sem ser seu sua so sao tambem te tem ter tu um uma voce",
  it: "a ad ai al alla alle anche c che chi ci come con cosa d da dal dalla dei del della delle di dove e ed era gli ha hai hanno ho i il in io l la le lei li lo loro lui ma mi mia mio ne nel nella no noi non nostro o per perche piu quale quali quando quanti quanto quella quello questa questo se sei si sia sono sta su sua suo sul tra tu un una uno voi",
  nl: "aan al als bij dan dat de deze die dit door een en er had heb hebben heeft het hier hij hoe ik in is ja je kan maar me meer met mijn moet na naar niet nog nu of om ons ook op over te ten tot u uit uw van veel voor waar waarom wanneer was wat we welke wie wij wil ze zich zijn zo",
  sv: "att av de den det detta du efter eller en er ett finns for fran har hade han hon hur i inte jag kan med men min mitt nar nu och om oss pa sa samma ska som till ut vad var varfor vem vi vid vilka vilken ar",
  pl: "a aby ale bo by byc byl byla bylo byly czy dla do gdy gdzie go i ich ile im ja jak jaka jaki jakie jako je jego jej jest jestem juz kiedy kto ktora ktore ktory lub ma maja mam mi mnie moj moja moje mozna my na nad nas nasz nie niz o od on ona oni ono oraz po pod przez przy sa sie skad so tak tam te tego ten to tu ty tylko w was wiec wy z za ze",
  tr: "ama bana ben bir biz bu bunu cok da daha de degil diye en gibi hangi icin ile kadar kim mi mu ne neden nerede o olan olarak sen siz su ve ya",
  ru: "а без бы был была было были быть в вам вас во вот все всё вы где да для до его ее ей ему если есть еще же за и из или им их к как какая какие каких какого какой ко когда который которая кто ли мне мой моя мы на над нам нас наш не него нее нет но ну о об он она они оно от по под почему при про с сколько со так такое там то того только тот ты у уже чего чем что чтобы это этот я",
  ar: "ما ماذا متى اين كيف لماذا هل من في الى على عن مع هذا هذه ذلك تلك التي الذي هو هي نحن انت انا هم كان كانت يكون قد لا لم لن او ثم ان كل بعض بعد قبل عند بين كم اي و",
} as const;

export type CommonLanguage = keyof typeof LISTS;

const LANGUAGES = Object.keys(LISTS) as CommonLanguage[];
const COMMON = new Map<string, CommonLanguage[]>();
for (const language of LANGUAGES)
  for (const word of LISTS[language].split(" "))
    COMMON.set(word, [...(COMMON.get(word) ?? []), language]);

/** Pieces of questions in scripts without spaces. */
const PIECES =
  /^(?:什么|哪里|哪儿|哪个|怎么|为什|什麼|多少|时候|是谁|谁是|的是|我的|我家|是什|在哪|[的了在是我你他她它吗呢谁]|です|ます|ません|した|して|ですか|いつ|どこ|だれ|なに|何時|何番|誰で|から|まで|はい|の[はがを]|は何|は誰|[はがをにでとものか])$/u;

export interface CommonWords {
  /** Languages of the text, the likeliest ones; empty when nothing tells. */
  languages: readonly CommonLanguage[];
  /** Indexes of the words that are common there. */
  common: ReadonlySet<number>;
}

/** The common words among folded words. A text of nothing else has none: there, each word counts. */
export function commonWords(words: readonly string[]): CommonWords {
  const counts = new Map<CommonLanguage, number>();
  for (const word of new Set(words))
    for (const language of COMMON.get(word) ?? [])
      counts.set(language, (counts.get(language) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const languages = LANGUAGES.filter((language) => most > 0 && counts.get(language) === most);
  const common = new Set<number>();
  for (const [at, word] of words.entries()) {
    const known = COMMON.get(word);
    if (known?.some((language) => languages.includes(language)) || PIECES.test(word))
      common.add(at);
  }
  if (common.size === words.length) return { languages, common: new Set() };
  return { languages, common };
}

const ASKS = new RegExp(
  `^\\P{L}*(?:${[
    "what|where|who|whose|when|why|how|which|is|are|was|were|do|does|did|can|could|tell me|do you",
    "was|wo|wer|wem|wen|wann|warum|wieso|wie|welche[rsmn]?|ist|sind|hat|kann|woher|wohin",
    "qui|que|quoi|qu|où|ou|quand|pourquoi|comment|combien|quel(?:le)?s?|est ce",
    "qué|quién(?:es)?|cuál(?:es)?|cuándo|dónde|cuánt[oa]s?|cómo|por qué",
    "quem|qual|quais|quando|onde|quant[oa]s?|como|porque|chi|che|dove|quale|quali|perché",
    "wie|wat|waar|wanneer|waarom|hoe|welke?|vad|vem|var|när|varför|hur",
    "czy|co|kto|gdzie|kiedy|dlaczego|jak|ile|która?|które|ne|kim|nerede|neden|nasıl|kaç",
    "что|кто|где|когда|почему|как|сколько|какой|какая|какие|чей",
    "ما|ماذا|متى|أين|كيف|لماذا|هل|من|كم",
  ].join("|")})(?![\\p{L}\\p{M}])`,
  "iu",
);
const ENDS = /[?？؟][\s"'”’»)\]]*$/u;
/** Fewer words are a search, not a question. */
const MIN_WORDS = 3;

/** True for a text that asks something: by its sign, or by its first word. */
export function asksSomething(text: string): boolean {
  if (ENDS.test(text.slice(-20))) return true;
  const words = text.trim().split(/\s+/, MIN_WORDS);
  return words.length >= MIN_WORDS && text.length < 1_000 && ASKS.test(text);
}
