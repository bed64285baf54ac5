// Types of single files of opencc-js, which describes only its converters.
declare module "opencc-js/dict/TSCharacters" {
  /** Pairs of a traditional character and a simplified one. */
  const characters: string;
  export default characters;
}
