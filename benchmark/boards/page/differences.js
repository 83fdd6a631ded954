// Differences from a row that the reader chose: over the seeds that both have, with the intervals of
// the board's own statistics.

const reference = () => rowNamed(state.reference);

/** Half of the 95 % interval of the paired difference of two rows; null where none is known. */
function halfOf(row, other, key) {
  const { names, halves } = table().pairs;
  const [i, j] = [names.indexOf(row.name), names.indexOf(other.name)].sort((a, b) => a - b);
  return i < 0 || i === j || !halves[key] ? null : halves[key][i][j - i - 1];
}

/** [mean, no sd, low, high] of a row less another, or null without a seed that both have. */
function difference(row, other, key) {
  const theirs = new Map(other.records.map((record, n) => [record.seed, seedValues(other, key)[n]]));
  const apart = row.submitted || other.submitted ? [] : row.records.flatMap((record, n) => {
    const [mine, base] = [seedValues(row, key)[n], theirs.get(record.seed)];
    return mine == null || base == null ? [] : [mine - base];
  });
  if (!apart.length) return null;
  const half = reweighed() && !UNCHANGED.test(key) ? null : halfOf(row, other, key);
  const centre = mean(apart);
  return [centre, null, half === null ? null : centre - half, half === null ? null : centre + half];
}

/** What a row's cell says: its value, or its difference from the reference. */
function cellStat(row, key) {
  const base = reference();
  return base && base !== row ? difference(row, base, key) : value(row, key);
}

/** A difference with its sign. */
function signed(number, unit) {
  const text = shown(Math.abs(number), unit);
  if (!/[1-9]/.test(text)) return text;
  return `${number < 0 ? "−" : "+"}${text}`;
}

const signedEnds = (stat, unit) => (stat?.[2] == null ? "" : `${signed(stat[2], unit)} to ${signed(stat[3], unit)}`);

/** Whether a difference is surely for the better ("up"), for the worse ("down"), or neither. */
function verdict(stat, one) {
  if (!stat || stat[2] == null || one.best === "none" || (stat[2] <= 0 && stat[3] >= 0)) return null;
  return stat[0] > 0 === (one.best !== "low") ? "up" : "down";
}

function referencePicker() {
  const options = [["", "no row: values"], ...finished().filter((row) => !row.submitted).map((row) => [row.name, row.name])];
  return picker("reference", "Differences from", options, reference() ? state.reference : "", (name) => choose({ reference: name }, ["view"]));
}
