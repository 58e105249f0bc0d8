#compdef arcli

_arcli_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _ARCLI_COMPLETE=complete_zsh arcli)
}

compdef _arcli_completion arcli
