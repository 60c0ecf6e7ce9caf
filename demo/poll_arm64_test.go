package demo_test

// pollCall is no number: arm64 has ppoll alone.
const pollCall = -1
