// Names of units for narrow places.

/** `Phường Thới Hòa` is Thới Hòa among wards, and so is `Thoi Hoa Ward`; `Phường 7` stays what it is. */
export function shortName(name: string): string {
  return name.replace(/^(?:Phường|Xã|Thị trấn|Đặc khu)\s+(?=\p{L})|(?<=\p{L})\s+(?:Ward|Commune|Township|Special Zone)$/u, "");
}
