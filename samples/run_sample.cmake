# Runs one sample: cmake -DPROGRAM=file "-DARGUMENTS=first|second" -DPASS=regex -P run_sample.cmake
string(REPLACE "|" ";" ARGUMENTS "${ARGUMENTS}")
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
message("${output}${errors}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}")
endif()
if(NOT PASS STREQUAL "" AND NOT output MATCHES "${PASS}")
  message(FATAL_ERROR "${PROGRAM} printed nothing that matches: ${PASS}")
endif()
