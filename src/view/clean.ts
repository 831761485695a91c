/**
 * Text from workers, files and names before a person sees it: nothing in it may drive a terminal or turn its reading
 * direction (catalogue J02, J03). Controls become visible, `^[` for ESC; C1 controls as the two characters they stand for.
 */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu

export interface CleanOptions {
  /** What a line break becomes; `keep` only where the reader splits lines itself. Default: a space. */
  newlines?: 'keep' | 'space'
}

export function clean(text: string, { newlines = 'space' }: CleanOptions = {}): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  return text.replaceAll('\r\n', '\n').replace(UNSAFE, (character) => {
    if (character === '\n') return newlines === 'keep' ? '\n' : ' '
    return character === '\t' ? '  ' : visible(character.codePointAt(0) ?? 0)
  })
}

function visible(code: number): string {
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`
  if (code === 0x7f) return '^?'
  if (code < 0xa0) return `^[${String.fromCharCode(code - 0x40)}`
  return code >= 0xd800 && code <= 0xdfff ? '\ufffd' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
}
