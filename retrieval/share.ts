// One of several equal shares of work that is in pieces: which pieces of a list are whose. Pure.

/** Which of how many, from 1. */
export interface Share {
  shard: number;
  shards: number;
}

/** The pieces of one share: in a row, at most one more than another share has, and all shares together each piece once. */
export function shareOf<Piece>(pieces: readonly Piece[], { shard, shards }: Share): Piece[] {
  const place = (part: number): number => Math.floor((part * pieces.length) / shards);
  return pieces.slice(place(shard - 1), place(shard));
}
