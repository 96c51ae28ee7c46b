/** A scenario is prepared once, and then played round after round on what is there. */
export type SoakScenario = {
  /** What holds in each round; for `--help`. */
  claim: string
  /** Unless the command line says otherwise. */
  rounds: number
  /** About; for `--help`. */
  roundSeconds: number
  prepare(stage: SoakStage): Promise<PlayRound>
}

/** Resolves with a few words on the round; rejects where the claim does not hold. Rounds count from 1. */
export type PlayRound = (round: number) => Promise<string>

export type SoakStage = {
  say: (line: string) => void
  /** What takes down what is there; called once, however the run ends. */
  onEnd: (end: () => Promise<void>) => void
}
