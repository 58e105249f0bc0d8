#compdef arcli

_arcli_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _ARCLI_COMPLETE=complete_zsh arcli)
}

if [ "$funcstack[1]" = _arcli ]; then
  _arcli_completion "$@"
else
  compdef _arcli_completion arcli
fi
