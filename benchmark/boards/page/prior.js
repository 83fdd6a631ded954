// Metrics under another class prior of the test set, from a seed's confusion matrix and its
// pairwise AUCs: the formulas of benchmark/metrics/long_tail.py, an image weighing prior / images of its class.

const RECOMPUTED = ["accuracy", "balanced_accuracy", "macro_f1", "mcc", "macro_auc"];
// Under any prior the same: what is asked of each class alone, what it cost, and fixed priors.
const UNCHANGED = /^(balanced_accuracy|(head|medium|tail|worst_class)_recall|recall|classes_scored|balanced_prior_.*|train_seconds|parameters)$/;

const sum = (values) => values.reduce((total, value) => total + value, 0);
const defined = (values) => values.filter((value) => value !== null);
const meanDefined = (values) => (defined(values).length ? mean(defined(values)) : null);

/** All metrics of a seed's summary; a class of prior 0 counts as absent. */
function reweigh(summary, weights) {
  const images = summary.confusion.map(sum);
  const raw = weights.map((weight, k) => (images[k] ? weight : 0));
  const prior = raw.map((weight) => weight / sum(raw));
  const matrix = summary.confusion.map((row, k) => row.map((n) => (images[k] ? (n * prior[k]) / images[k] : 0)));
  const predicted = prior.map((_, j) => sum(matrix.map((row) => row[j])));
  const right = matrix.map((row, k) => row[k]);
  const present = prior.map((share) => share > 0);
  const recall = right.map((r, k) => (present[k] ? r / prior[k] : null));
  const precision = right.map((r, k) => (predicted[k] > 0 ? r / predicted[k] : null));
  const f1 = right.map((r, k) => (present[k] ? (2 * r) / (prior[k] + predicted[k]) : null));
  const auc = summary.pairwise_auc.map((row, k) => oneVersusRest(row, prior, k));
  return {
    accuracy: sum(right),
    balanced_accuracy: meanDefined(recall),
    macro_f1: meanDefined(f1),
    mcc: correlation(right, prior, predicted),
    macro_auc: meanDefined(auc),
    recall, precision, auc,
  };
}

/** Mean over the other classes, weighted by their prior. */
function oneVersusRest(row, prior, k) {
  const others = prior.map((share, j) => (j === k || row[j] === null ? 0 : share));
  if (!prior[k] || !sum(others)) return null;
  return sum(others.map((share, j) => (share ? share * row[j] : 0))) / sum(others);
}

/** K-class MCC (Gorodkin 2004) of shares that sum to 1. */
function correlation(right, prior, predicted) {
  const spread = (1 - sum(prior.map((p) => p * p))) * (1 - sum(predicted.map((p) => p * p)));
  const joint = sum(right) - sum(prior.map((p, k) => p * predicted[k]));
  return spread > 1e-12 ? joint / Math.sqrt(spread) : 0;
}
