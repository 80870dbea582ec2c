// Names of units for narrow places.

/** `Phường Thới Hòa` is Thới Hòa among wards; `Phường 7` stays what it is. */
export function shortName(name: string): string {
  return name.replace(/^(?:Phường|Xã|Thị trấn|Đặc khu|Ward|Commune)\s+(?=\p{L})/u, "");
}
