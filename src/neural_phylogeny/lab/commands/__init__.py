"""The commands of `nphylo lab`, loaded on demand."""
